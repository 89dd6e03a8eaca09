package templates_test

import (
	"fmt"
	"strings"
	"time"

	"digest/templates"
)

func Example() {
	edition := templates.Sample(time.Date(2010, 2, 26, 9, 0, 0, 0, time.UTC), 2)
	mail, err := templates.Render("letter", edition)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(mail.Subject)
	fmt.Println(strings.Join(strings.Split(mail.Text, "\n")[:2], "\n"))
	fmt.Println(strings.Contains(mail.HTML, `href="`+edition.Mark+templates.SlotLeave+`"`))
	// Output:
	// A steam box from a wallpaper stripper and 1 more
	// Notes from the Boathouse
	// Weekly digest · No. 12 · Week to 26 February 2010
	// true
}
