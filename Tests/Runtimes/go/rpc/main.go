// The function as programs for go1.x were: it waits for calls by net/rpc.
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/rpc"
	"os"
	"reflect"
)

type Function struct{}

type InvokeRequest struct {
	Payload      []byte
	XAmznTraceId string
}

type Error struct {
	Message string
	Type    string
}

type InvokeResponse struct {
	Payload []byte
	Error   *Error
}

type Ping struct{}

var traced string

func trace() string { return traced }

func (*Function) Ping(_ *Ping, _ *Ping) error { return nil }

func (*Function) Invoke(request *InvokeRequest, response *InvokeResponse) error {
	traced = request.XAmznTraceId
	answer, err := handle(request.Payload)
	if err != nil {
		response.Error = &Error{err.Error(), fmt.Sprint(reflect.TypeOf(err))}
		return nil
	}
	response.Payload, err = json.Marshal(answer)
	return err
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
