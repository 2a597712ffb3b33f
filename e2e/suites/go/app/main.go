// The application behind the proxies of the suites, and the clients in front of them.
//
//	app serve ADDR [SLOTS]    HTTP/1 and HTTP/2 without TLS
//	app load FLAGS            requests at a fixed rate; prints one JSON object
//
// It is in Go so that neither end of a suite is the code under test.
package main

import (
	"fmt"
	"os"
)

func main() {
	var err error
	switch {
	case len(os.Args) >= 3 && os.Args[1] == "serve":
		err = serve(os.Args[2], os.Args[3:])
	case len(os.Args) >= 2 && os.Args[1] == "load":
		err = load(os.Args[2:])
	default:
		err = fmt.Errorf("usage: app serve ADDR [SLOTS] | app load FLAGS")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
