// A function as programs for go1.x were: it waits for calls by net/rpc.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/rpc"
	"os"
	"strings"
)

type Function struct{}

type Timestamp struct{ Seconds, Nanos int64 }

type InvokeRequest struct {
	Payload               []byte
	RequestId             string
	XAmznTraceId          string
	Deadline              Timestamp
	InvokedFunctionArn    string
	CognitoIdentityId     string
	CognitoIdentityPoolId string
	ClientContext         []byte
}

type Frame struct {
	Path  string
	Line  int32
	Label string
}

type Error struct {
	Message    string
	Type       string
	StackTrace []*Frame
	ShouldExit bool
}

type InvokeResponse struct {
	Payload []byte
	Error   *Error
}

type Ping struct{}

func (*Function) Ping(_ *Ping, _ *Ping) error { return nil }

func (*Function) Invoke(request *InvokeRequest, response *InvokeResponse) error {
	var event struct {
		Do    string
		Count int
	}
	if err := json.Unmarshal(request.Payload, &event); err != nil {
		return err
	}
	switch event.Do {
	case "fail":
		response.Error = &Error{"asked to", "Asked", []*Frame{{"main.go", 7, "handle"}, {"", -1, "top"}}, false}
	case "panic":
		response.Error = &Error{"asked to", "Asked", nil, true}
	case "exit":
		os.Exit(event.Count)
	case "large":
		response.Payload, _ = json.Marshal(strings.Repeat("x", event.Count))
	default:
		answer, err := json.Marshal(request)
		if err != nil {
			return err
		}
		response.Payload = answer
	}
	return nil
}

func main() {
	listener, err := net.Listen("tcp", "localhost:"+os.Getenv("_LAMBDA_SERVER_PORT"))
	if err != nil {
		log.Fatal(err)
	}
	if err := rpc.Register(&Function{}); err != nil {
		log.Fatal(err)
	}
	rpc.Accept(listener)
}
