// What go/parser says the files on stdin import: PATH, KIND, SPEC, NAME by tabs; "PATH !" for a file
// that it cannot parse.
package main

import (
	"bufio"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"strconv"
)

func main() {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		path := in.Text()
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			fmt.Printf("%s\t!\n", path)
			continue
		}
		for _, spec := range file.Imports {
			if name, err := strconv.Unquote(spec.Path.Value); err == nil {
				fmt.Printf("%s\t1\t%s\t\n", path, name)
			}
		}
		fmt.Printf("%s\t8\t%s\t\n", path, file.Name.Name)
	}
}
