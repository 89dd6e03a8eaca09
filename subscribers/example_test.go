package subscribers_test

import (
	"fmt"
	"strings"

	"digest/subscribers"
)

func Example() {
	const file = `Email Address,First Name,UNSUB_TIME
ann@Bücher.example,Ann,
bob@example.com,Bob,2018-10-11 09:55:14
"cem@example.com, dan@example.com",Cem,
`
	for row, err := range subscribers.Import(strings.NewReader(file)) {
		switch {
		case err != nil:
			fmt.Println(err)
		case row.Left:
			fmt.Println(row.Address.Mailbox, "has left:", row.Why)
		default:
			fmt.Println(row.Address.Mailbox, row.Name)
		}
	}
	// Output:
	// ann@xn--bcher-kva.example Ann
	// bob@example.com has left: UNSUB_TIME: 2018-10-11 09:55:14
	// line 4: not an address we can mail: it has more than one @
}
