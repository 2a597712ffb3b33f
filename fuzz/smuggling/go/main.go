// A server of net/http that counts the requests it hears and those it refuses, one line each on standard output.
//
//	server ADDR
package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

// refusals sees what the server answers by itself, which no handler does.
type refusals struct{ net.Conn }

func (c refusals) Write(p []byte) (int, error) {
	for _, start := range []string{"HTTP/1.1 4", "HTTP/1.0 4", "HTTP/1.1 5", "HTTP/1.0 5"} {
		if bytes.HasPrefix(p, []byte(start)) && !bytes.Contains(p, []byte("X-Handled")) {
			fmt.Println("refused", string(bytes.SplitN(p, []byte("\r\n"), 2)[0]))
		}
	}
	return c.Conn.Write(p)
}

type listener struct{ net.Listener }

func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return refusals{conn}, nil
}

func main() {
	under, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	handler := func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("seen", r.Method, r.RequestURI, r.Proto)
		w.Header().Set("X-Handled", "1")
		// A tunnel would carry what it likes.
		if r.Method == http.MethodConnect {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok\n")
	}
	server := http.Server{Handler: http.HandlerFunc(handler), DisableGeneralOptionsHandler: true}
	fmt.Fprintln(os.Stderr, server.Serve(listener{under}))
}
