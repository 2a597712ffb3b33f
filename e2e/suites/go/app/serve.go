package main

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// serve answers until it is killed. "/work?ms=N" occupies one of the slots (default 20) for that long, and requests that
// find none wait for one: its capacity is slots/ms, whatever the machine does.
func serve(addr string, more []string) error {
	slots := 20
	if len(more) > 0 {
		var err error
		if slots, err = strconv.Atoi(more[0]); err != nil {
			return err
		}
	}
	free := make(chan struct{}, slots)
	number := func(r *http.Request, name string) int {
		n, _ := strconv.Atoi(r.URL.Query().Get(name))
		return n
	}
	block := strings.Repeat("x", 64*1024)
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "a response of some bytes, so that windows have a meaning\n")
	})
	mux.HandleFunc("/bytes", func(w http.ResponseWriter, r *http.Request) {
		left := number(r, "n")
		w.Header().Set("content-length", strconv.Itoa(left))
		for left > 0 {
			n := min(left, len(block))
			if _, err := io.WriteString(w, block[:n]); err != nil {
				return
			}
			left -= n
		}
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, r *http.Request) {
		for i := range number(r, "n") {
			w.Header().Set("x-"+strconv.Itoa(i), block[:number(r, "size")])
		}
		io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("/work", func(w http.ResponseWriter, r *http.Request) {
		select {
		case free <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		time.Sleep(time.Duration(number(r, "ms")) * time.Millisecond)
		<-free
		io.WriteString(w, "ok\n")
	})
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Addr: addr, Handler: mux, Protocols: protocols,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1000},
	}
	return server.ListenAndServe()
}
