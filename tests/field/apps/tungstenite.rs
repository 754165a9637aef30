// Echoes messages; "close CODE" lets it close.
use std::{env, net::TcpListener, thread};
use tungstenite::{
    accept,
    protocol::{frame::coding::CloseCode, CloseFrame},
    Message,
};

fn main() {
    let port = env::args().nth(1).unwrap();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    for stream in listener.incoming() {
        thread::spawn(move || {
            let Ok(mut socket) = accept(stream.unwrap()) else { return };
            while let Ok(message) = socket.read() {
                if let Message::Text(text) = &message {
                    if let Some(code) = text.as_str().strip_prefix("close ") {
                        let code = CloseCode::from(code.parse::<u16>().unwrap());
                        let _ = socket.close(Some(CloseFrame { code, reason: "as asked".into() }));
                        continue;
                    }
                }
                if message.is_text() || message.is_binary() {
                    let _ = socket.send(message);
                }
            }
        });
    }
}
