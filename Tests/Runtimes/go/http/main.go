package main

import (
	"log"
	"net/http"
	"os"
	"strings"
)

func trace() string { return os.Getenv("_X_AMZN_TRACE_ID") }

func main() {
	if os.Getenv("_HANDLER") == "nothere" {
		report := strings.NewReader(`{"errorMessage":"no such handler","errorType":"Runtime.NoSuchHandler"}`)
		url := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/init/error"
		request, err := http.NewRequest("POST", url, report)
		if err != nil {
			log.Fatal(err)
		}
		request.Header.Set("Lambda-Runtime-Function-Error-Type", "Runtime.NoSuchHandler")
		if _, err := http.DefaultClient.Do(request); err != nil {
			log.Fatal(err)
		}
		os.Exit(1)
	}
	serve(handle)
}
