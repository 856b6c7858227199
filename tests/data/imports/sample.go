// Package p; import "no1"
package p

import "single"
import f "fmt"
import (
	"a/b" // "no2"
	. "dot"
	_ "blank" /* "no3" */
	alias `raw/path`
)

var s = "import \"no4\"" + `
import "no5"
`
