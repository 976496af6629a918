package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"reflect"
)

type failure struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// serve takes one event after the other from the Runtime API.
func serve(handle func(json.RawMessage) (any, error)) {
	api := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/"
	for {
		// Waits as long as there is no event.
		next, err := http.Get(api + "next")
		if err != nil {
			log.Fatal(err)
		}
		event, err := io.ReadAll(next.Body)
		next.Body.Close()
		if err != nil {
			log.Fatal(err)
		}
		os.Setenv("_X_AMZN_TRACE_ID", next.Header.Get("Lambda-Runtime-Trace-Id"))
		call := api + next.Header.Get("Lambda-Runtime-Aws-Request-Id")
		if answer, err := run(handle, event); err != nil {
			post(call+"/error", failure{err.Error(), fmt.Sprint(reflect.TypeOf(err))})
		} else {
			post(call+"/response", answer)
		}
	}
}

// run makes an error of a panic, so that the next event finds the program alive.
func run(handle func(json.RawMessage) (any, error), event json.RawMessage) (answer any, err error) {
	defer func() {
		if panicked := recover(); panicked != nil {
			err = fmt.Errorf("panic: %v", panicked)
		}
	}()
	return handle(event)
}

func post(url string, value any) {
	body, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := http.Post(url, "application/json", bytes.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	answer.Body.Close()
}
