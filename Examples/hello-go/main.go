package main

import (
	"encoding/json"
	"fmt"
)

type greeting struct {
	Message string `json:"message"`
}

func handle(event json.RawMessage) (any, error) {
	var request struct{ Name string }
	if err := json.Unmarshal(event, &request); err != nil {
		return nil, err
	}
	if request.Name == "" {
		request.Name = "world"
	}
	fmt.Println("greeting", request.Name)
	return greeting{"Hello, " + request.Name + "!"}, nil
}

func main() { serve(handle) }
