package main

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

type Refused struct{ text string }

func (refused Refused) Error() string { return refused.text }

var (
	token = random()
	calls = 0
	taken [][]byte
)

func random() string {
	bytes := make([]byte, 8)
	if _, err := rand.Read(bytes); err != nil {
		panic(err)
	}
	return hex.EncodeToString(bytes)
}

func handle(event json.RawMessage) (any, error) {
	var request struct {
		Do   string
		With json.RawMessage
	}
	if err := json.Unmarshal(event, &request); err != nil {
		return nil, err
	}
	var text string
	var number float64
	_ = json.Unmarshal(request.With, &text)
	_ = json.Unmarshal(request.With, &number)
	switch request.Do {
	case "echo":
		return request.With, nil
	case "fail":
		return nil, Refused{"no, ünï"}
	case "sleep":
		time.Sleep(time.Duration(number * float64(time.Second)))
	case "exit":
		os.Exit(int(number))
	case "grow":
		for {
			block := make([]byte, 16<<20)
			for i := 0; i < len(block); i += 4096 {
				block[i] = 1
			}
			taken = append(taken, block)
		}
	case "remember":
		calls++
		return []any{token, calls}, nil
	case "write":
		return nil, os.WriteFile("/tmp/kept", []byte(text), 0o600)
	case "read":
		return file("/tmp/kept"), nil
	case "layer":
		return file("/opt/greeting.txt"), nil
	case "variables":
		variables := map[string]string{}
		for _, pair := range os.Environ() {
			name, value, _ := strings.Cut(pair, "=")
			variables[name] = value
		}
		return variables, nil
	case "trace":
		return trace(), nil
	case "print":
		fmt.Println(text)
	case "complain":
		fmt.Fprintln(os.Stderr, text)
	case "log":
		for _, level := range []string{"debug", "info", "warn", "error"} {
			fmt.Println(level, text)
		}
	}
	return nil, nil
}

func file(path string) any {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return string(text)
}
