// The application of tests/field/contract.py with net/http and gorilla/websocket (at /echo) or coder/websocket (/coder).
package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
)

var closed atomic.Value

func digest(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	length, _ := io.Copy(hash, r.Body)
	fmt.Fprintf(w, "%d %x", length, hash.Sum(nil))
}

func stream(w http.ResponseWriter, r *http.Request) {
	piece := []byte(strings.Repeat("x", 20000))
	for i := 0; i < 40; i++ {
		w.Write(piece)
		w.(http.Flusher).Flush()
		time.Sleep(25 * time.Millisecond)
	}
}

func code(text string) (int, bool) {
	if !strings.HasPrefix(text, "close ") {
		return 0, false
	}
	number, err := strconv.Atoi(text[6:])
	return number, err == nil
}

var upgrader = gorilla.Upgrader{Subprotocols: []string{"chat"}, EnableCompression: true}

func echo(w http.ResponseWriter, r *http.Request) {
	socket, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer socket.Close()
	for {
		kind, data, err := socket.ReadMessage()
		if err != nil {
			if end, ok := err.(*gorilla.CloseError); ok {
				closed.Store(strconv.Itoa(end.Code))
			} else {
				closed.Store(err.Error())
			}
			return
		}
		if number, ok := code(string(data)); ok {
			socket.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(number, "as asked"))
			continue
		}
		socket.WriteMessage(kind, data)
	}
}

func echoCoder(w http.ResponseWriter, r *http.Request) {
	options := &coder.AcceptOptions{Subprotocols: []string{"chat"}, CompressionMode: coder.CompressionContextTakeover}
	socket, err := coder.Accept(w, r, options)
	if err != nil {
		return
	}
	socket.SetReadLimit(-1)
	for {
		kind, data, err := socket.Read(context.Background())
		if err != nil {
			closed.Store(strconv.Itoa(int(coder.CloseStatus(err))))
			return
		}
		if number, ok := code(string(data)); ok {
			socket.Close(coder.StatusCode(number), "as asked")
			return
		}
		socket.Write(context.Background(), kind, data)
	}
}

func main() {
	closed.Store("nobody")
	http.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "hello") })
	http.HandleFunc("/closed", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, closed.Load()) })
	http.HandleFunc("/digest", digest)
	http.HandleFunc("/stream", stream)
	http.HandleFunc("/echo", echo)
	http.HandleFunc("/coder", echoCoder)
	panic(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
