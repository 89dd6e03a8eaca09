package newsletter_test

import (
	"fmt"

	"digest/newsletter"
)

func ExampleMask() {
	fmt.Println(newsletter.Mask("ann@example.com"))
	// Output: a•••@example.com
}
