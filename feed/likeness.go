package feed

import "strings"

// likeness of two texts or titles.
type likeness int

const (
	untold    likeness = iota // one of them is missing
	different                 // what they share may be the words a series begins with
	alike
	equal  // or one is an excerpt of the other
	entire // from beginning to end, and long enough that it is no formula
)

const (
	wordsCompared = 3000 // letters of a text, from its beginning
	shortNote     = 15   // letters; of a shorter text nothing can be said
	shortText     = 60   // letters; a shorter one may be two posts'
	longText      = 120  // letters that no two posts have in common by chance
	shingle       = 8    // letters in a row that are compared as one
)

func compareTitles(a, b string) likeness {
	a, b = letters(a), letters(b)
	if len(a) > len(b) {
		a, b = b, a
	}
	switch {
	case a == "":
		return untold
	case a == b:
		return equal
	case len(a) >= 8 && strings.Contains(b, a):
		return alike // with the name of the blog, its author or a category
	}
	return different
}

// compareTexts compares the letters of two texts given as HTML, whatever became
// of their markup and punctuation.
func compareTexts(a, b string) likeness {
	short, long := wordsOf(a), wordsOf(b)
	if len(short) > len(long) {
		short, long = long, short
	}
	switch {
	case len(short) == 0:
		return untold
	case len(short) < shortText && string(short) != string(long[:len(short)]):
		return different
	case len(short) < shortText && (len(short) < len(long) || len(short) < shortNote):
		return alike
	case len(short) < shortText:
		return equal
	}
	share := contained(short, long)
	switch {
	case share >= 0.9 && len(short) >= longText && 5*len(short) >= 4*len(long):
		return entire
	case share >= 0.7:
		return equal
	case share >= 0.3:
		return alike
	}
	return different
}

func wordsOf(html string) []rune {
	return []rune(cut(letters(textOf(html, 4*wordsCompared)), wordsCompared))
}

// contained is the part of a's shingles that b has too.
func contained(a, b []rune) float64 {
	theirs := shingles(b)
	mine, both := shingles(a), 0
	for s := range mine {
		if theirs[s] {
			both++
		}
	}
	return float64(both) / float64(max(len(mine), 1))
}

func shingles(words []rune) map[[shingle]rune]bool {
	all := make(map[[shingle]rune]bool, len(words))
	for i := range len(words) - shingle + 1 {
		all[[shingle]rune(words[i:])] = true
	}
	return all
}
