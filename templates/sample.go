package templates

import (
	"embed"
	"fmt"
	"strings"
	"time"

	"digest/feed"
)

//go:embed sample
var samples embed.FS

// Sample is an edition of a blog that does not exist, with n posts of all
// kinds: untitled, with a picture, code, a table, a quote, lists, emoji, a line
// from right to left, and a long one. It is what a preview shows while there
// are no posts, and what the goldens are made of. The newest post is some
// hours older than now; the same now and n give the same edition.
func Sample(now time.Time, n int) Edition {
	e := Edition{
		Site: Site{
			Name:      "Notes from the Boathouse",
			BlogURL:   "https://boathouse.example/",
			PublicURL: "https://news.boathouse.example",
			Address:   "The Boathouse\n4 Slip Lane, Port Ellery",
			Language:  "en",
		},
		Digest: "weekly",
		Number: 12,
		Period: "Week to " + day(now, time.UTC),
		Date:   now,
		Links: Links{
			View:      "https://news.boathouse.example/weekly/12",
			Subscribe: "https://news.boathouse.example/subscribe",
		},
		Mark: "slot5a3c9e",
	}
	for i := range n {
		p := samplePost(i)
		p.ID = int64(n - i)
		p.GUID = p.URL
		p.Published = now.Add(-time.Duration(5+21*i) * time.Hour).UTC().Truncate(time.Minute)
		p.Updated, p.FirstSeen = p.Published, p.Published
		e.Posts = append(e.Posts, p)
	}
	return e
}

func samplePost(i int) feed.Post {
	written := []feed.Post{
		{Title: "A steam box from a wallpaper stripper", Author: "Maren Holt", Tags: []string{"workshop", "oak"},
			URL: "https://boathouse.example/2010/steam-box", Image: "https://boathouse.example/images/steam-box.jpg", Content: sampleText("steam-box")},
		{Author: "Maren Holt", URL: "https://boathouse.example/2010/ice", Content: sampleText("ice")},
		{Title: "A tide table in forty lines", Author: "Idris Vane", Tags: []string{"code", "tides"},
			URL: "https://boathouse.example/2010/tide-table", Content: sampleText("tide-table")},
		{Title: "Three varnishes, one winter", Author: "Maren Holt", Tags: []string{"workshop", "varnish"},
			URL: "https://boathouse.example/2010/varnish", Content: sampleText("varnish")},
		{Title: "What the yard book says about caulking", Author: "Idris Vane", Tags: []string{"history"},
			URL: "https://boathouse.example/2010/caulking", Content: sampleText("caulking"),
			Summary: "<p>The yard book of 1911 gives caulking a page and a half, and half of that is a warning. We read it with a mallet in hand, and then did <em>exactly</em> what it says.</p>"},
		{Title: "The long way round Gull Point ⛵", Author: "Maren Holt", Tags: []string{"sailing", "logbook", "weather"},
			URL: "https://boathouse.example/2010/gull-point", Content: sampleText("gull-point")},
	}
	if i < len(written) {
		return written[i]
	}
	return logEntry(i - len(written))
}

// logEntry is a short post, a different one for each of many days.
func logEntry(i int) feed.Post {
	winds := []string{"a light westerly", "nothing worth the name of wind", "a stiff northerly", "a southerly that smelled of rain", "fog, and little else"}
	works := []string{"scrape the keel band", "fit two more ribs", "sort the box of bronze screws", "varnish the mast",
		"mend the long oar", "take the lines off the old tender", "sweep the slip"}
	sights := []string{"a seal watched from the moorings", "the terns are back on the breakwater", "two dinghies went out and one came back under oars",
		"the harbour master brought biscuits"}
	n := 40 - i
	p := feed.Post{
		Title: fmt.Sprintf("Logbook, day %d", n), Author: []string{"Maren Holt", "Idris Vane"}[i%2], Tags: []string{"logbook"},
		URL: fmt.Sprintf("https://boathouse.example/2010/log-%d", n),
		Content: fmt.Sprintf("<p>Day %d: %s. We meant to %s; %s. The barometer stands at %d and the kettle was on by eight, which is how days here are counted. "+
			"What is left to do is on the board by the door, and the board is longer than the boat.</p><p>Tomorrow we %s, if the glue has set. "+
			"Should it not, there is always <a href=\"https://boathouse.example/to-do\">the list</a>, which nobody has ever come to the end of.</p>",
			n, winds[i%len(winds)], works[i%len(works)], sights[i%len(sights)], 990+(i*7)%40, works[(i+3)%len(works)]),
	}
	if i%9 == 4 {
		p.Title = ""
	}
	return p
}

func sampleText(name string) string {
	b, err := samples.ReadFile("sample/" + name + ".html")
	if err != nil {
		return "" // embedded: a name that is not there shows in every golden
	}
	return strings.TrimSpace(string(b))
}
