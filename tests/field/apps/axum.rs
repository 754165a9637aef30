//! The application of tests/field/contract.py with axum.
use axum::{
    body::{Body, Bytes},
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    response::Response,
    routing::{get, post},
    Router,
};
use sha2::{Digest, Sha256};
use std::sync::Mutex;
use std::time::Duration;

static CLOSED: Mutex<String> = Mutex::new(String::new());

async fn digest(body: Bytes) -> String {
    let hash: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{} {}", body.len(), hash)
}

async fn stream() -> Body {
    Body::from_stream(futures_util::stream::unfold(0, |number| async move {
        if number == 40 {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
        Some((Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 20000])), number + 1))
    }))
}

async fn echo(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["chat"]).on_upgrade(serve)
}

async fn serve(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        match message {
            Message::Text(text) if text.starts_with("close ") => {
                let code = text[6..].parse().unwrap_or(1000);
                let frame = CloseFrame { code, reason: "as asked".into() };
                let _ = socket.send(Message::Close(Some(frame))).await;
            }
            Message::Text(_) | Message::Binary(_) => {
                if socket.send(message).await.is_err() {
                    return;
                }
            }
            Message::Close(frame) => {
                *CLOSED.lock().unwrap() = frame.map_or(String::new(), |frame| frame.code.to_string());
            }
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() {
    let port = std::env::args().nth(1).unwrap();
    let app = Router::new()
        .route("/hello", get(|| async { "hello" }))
        .route("/closed", get(|| async { CLOSED.lock().unwrap().clone() }))
        .route("/digest", post(digest))
        .route("/stream", get(stream))
        .route("/echo", get(echo))
        .layer(axum::extract::DefaultBodyLimit::disable());
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await.unwrap();
    axum::serve(listener, app).await.unwrap();
}
