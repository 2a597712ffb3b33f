// Load and servers of the bench that wrk, h2load and nginx have not: gRPC of grpc-go, and bytes over plain TCP.
//
//	load grpc-server PORT
//	load grpc ADDR CONNECTIONS STREAMS SECONDS   unary calls, so many at a time on each connection
//	load bytes-server PORT                       sends without end to who writes "d", reads without end from who writes "u"
//	load bytes ADDR CONNECTIONS SECONDS          half of the connections each way
//
// Clients print one line of JSON: units (calls or MiB), failed, seconds.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/metadata"
)

const method = "/bench.Echo/Unary"

// raw passes messages as they are: the cost of protobuf is nobody's business here.
type raw struct{}

func (raw) Name() string                  { return "proto" }
func (raw) Marshal(v any) ([]byte, error) { return *v.(*[]byte), nil }
func (raw) Unmarshal(data []byte, v any) error {
	*v.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func main() {
	encoding.RegisterCodec(raw{})
	args := os.Args[1:]
	switch {
	case len(args) == 2 && args[0] == "grpc-server":
		grpcServer(args[1])
	case len(args) == 5 && args[0] == "grpc":
		grpcLoad(args[1], number(args[2]), number(args[3]), number(args[4]))
	case len(args) == 2 && args[0] == "bytes-server":
		bytesServer(args[1])
	case len(args) == 4 && args[0] == "bytes":
		bytesLoad(args[1], number(args[2]), number(args[3]))
	default:
		fatal(fmt.Errorf("usage: see main.go"))
	}
}

func grpcServer(port string) {
	listener, err := net.Listen("tcp", ":"+port)
	fatal(err)
	echo := func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		var message []byte
		if err := decode(&message); err != nil {
			return nil, err
		}
		return &message, nil
	}
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "bench.Echo",
		HandlerType: (*any)(nil),
		Methods:     []grpc.MethodDesc{{MethodName: "Unary", Handler: echo}},
	}, struct{}{})
	fatal(server.Serve(listener))
}

// Every call has another trace, request id and timeout, as calls of applications do.
func grpcLoad(addr string, connections, streams, seconds int) {
	var calls, failed atomic.Int64
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	var group sync.WaitGroup
	for range connections {
		connection, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
		fatal(err)
		for range streams {
			group.Go(func() {
				payload := make([]byte, 32)
				for time.Now().Before(end) {
					timeout := 5*time.Second + time.Duration(rand.IntN(4_000_000))*time.Microsecond
					ctx, cancel := context.WithTimeout(context.Background(), timeout)
					ctx = metadata.AppendToOutgoingContext(ctx,
						"traceparent", fmt.Sprintf("00-%016x%016x-%016x-01", rand.Uint64(), rand.Uint64(), rand.Uint64()),
						"x-request-id", fmt.Sprintf("%016x%016x", rand.Uint64(), rand.Uint64()))
					var answer []byte
					if err := connection.Invoke(ctx, method, &payload, &answer); err != nil {
						if failed.Add(1) == 1 {
							fmt.Fprintln(os.Stderr, err)
						}
						time.Sleep(10 * time.Millisecond)
					} else {
						calls.Add(1)
					}
					cancel()
				}
			})
		}
	}
	group.Wait()
	report(float64(calls.Load()), failed.Load(), seconds)
}

func bytesServer(port string) {
	listener, err := net.Listen("tcp", ":"+port)
	fatal(err)
	for {
		connection, err := listener.Accept()
		fatal(err)
		go func() {
			defer connection.Close()
			buffer := make([]byte, 256<<10)
			if _, err := connection.Read(buffer[:1]); err != nil {
				return
			}
			step := connection.Read
			if buffer[0] == 'd' {
				step = connection.Write
			}
			for {
				if _, err := step(buffer); err != nil {
					return
				}
			}
		}()
	}
}

func bytesLoad(addr string, connections, seconds int) {
	var moved, failed atomic.Int64
	end := time.Now().Add(time.Duration(seconds) * time.Second)
	var group sync.WaitGroup
	for i := range connections {
		group.Go(func() {
			connection, err := net.Dial("tcp", addr)
			fatal(err)
			defer connection.Close()
			fatal(connection.SetDeadline(end))
			buffer := make([]byte, 256<<10)
			direction, step := "d", connection.Read
			if i%2 == 1 {
				direction, step = "u", connection.Write
			}
			_, err = connection.Write([]byte(direction))
			fatal(err)
			for {
				count, err := step(buffer)
				moved.Add(int64(count))
				if err == nil {
					continue
				}
				if !os.IsTimeout(err) {
					failed.Add(1)
				}
				return
			}
		})
	}
	group.Wait()
	report(float64(moved.Load())/(1<<20), failed.Load(), seconds)
}

func report(units float64, failed int64, seconds int) {
	fatal(json.NewEncoder(os.Stdout).Encode(map[string]any{"units": units, "failed": failed, "seconds": seconds}))
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	fatal(err)
	return value
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
