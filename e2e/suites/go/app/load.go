package main

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Times are in milliseconds, from the moment a request was due.
type result struct {
	// Answers by status; "error" for requests that got none.
	Statuses map[string]int `json:"statuses"`
	P50      float64        `json:"p50"`
	P99      float64        `json:"p99"`
	Max      float64        `json:"max"`
	// The same of requests that were not answered 200.
	OtherP99 float64 `json:"otherP99"`
	OtherMax float64 `json:"otherMax"`
	// Requests answered 200 in each second from the start on.
	PerSecond []int    `json:"perSecond"`
	Errors    []string `json:"errors"`
}

// load sends requests at their times, whether or not earlier ones were answered.
func load(args []string) error {
	flags := flag.NewFlagSet("load", flag.ContinueOnError)
	url := flags.String("url", "", "")
	rate := flags.Float64("rate", 100, "requests a second")
	seconds := flags.Float64("seconds", 5, "")
	clients := flags.Int("clients", 4, "clients that share no connection")
	proto := flags.String("proto", "h1", "h1 or h2")
	timeout := flags.Duration("timeout", 20*time.Second, "of one request")
	if err := flags.Parse(args); err != nil {
		return err
	}
	made := make([]*http.Client, *clients)
	for i := range made {
		protocols := new(http.Protocols)
		protocols.SetHTTP1(*proto == "h1")
		protocols.SetUnencryptedHTTP2(*proto == "h2")
		made[i] = &http.Client{
			Timeout:   *timeout,
			Transport: &http.Transport{Protocols: protocols, MaxIdleConnsPerHost: 1000},
		}
	}
	var mutex sync.Mutex
	var ok, other []float64
	out := result{Statuses: map[string]int{}, PerSecond: []int{}, Errors: []string{}}
	start := time.Now()
	one := func(client *http.Client, due time.Time) {
		status := "error"
		response, err := client.Get(*url)
		if err == nil {
			if _, err = io.Copy(io.Discard, response.Body); err == nil {
				status = strconv.Itoa(response.StatusCode)
			}
			response.Body.Close()
		}
		now := time.Now()
		took := float64(now.Sub(due).Microseconds()) / 1000
		mutex.Lock()
		defer mutex.Unlock()
		out.Statuses[status]++
		if status == "200" {
			ok = append(ok, took)
			second := int(now.Sub(start).Seconds())
			for len(out.PerSecond) <= second {
				out.PerSecond = append(out.PerSecond, 0)
			}
			out.PerSecond[second]++
		} else {
			other = append(other, took)
		}
		if err != nil && len(out.Errors) < 5 {
			out.Errors = append(out.Errors, err.Error())
		}
	}
	var group sync.WaitGroup
	total := int(*rate * *seconds)
	for sent := 0; sent < total; {
		// A timer that is late is this program's fault, so that a request is due when it can be sent.
		now := time.Now()
		for due := min(total, int(now.Sub(start).Seconds()**rate)); sent < due; sent++ {
			client := made[sent%len(made)]
			group.Go(func() { one(client, now) })
		}
		time.Sleep(time.Millisecond)
	}
	group.Wait()
	at := func(times []float64, share float64) float64 {
		if len(times) == 0 {
			return 0
		}
		slices.Sort(times)
		return times[min(len(times)-1, int(float64(len(times))*share))]
	}
	out.P50, out.P99, out.Max = at(ok, 0.5), at(ok, 0.99), at(ok, 1)
	out.OtherP99, out.OtherMax = at(other, 0.99), at(other, 1)
	return json.NewEncoder(os.Stdout).Encode(out)
}
