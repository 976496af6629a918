use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::TcpStream;

fn handle(event: &str) -> String {
    println!("greeting {event}");
    let quoted = event.replace('\\', "\\\\").replace('"', "\\\"");
    format!("{{\"message\": \"Hello, {quoted}!\"}}")
}

/// Takes one event after the other from the Runtime API, over one connection.
fn main() -> Result<()> {
    let api = std::env::var("AWS_LAMBDA_RUNTIME_API").expect("AWS_LAMBDA_RUNTIME_API");
    let mut connection = BufReader::new(TcpStream::connect(&api)?);
    loop {
        let (id, event) = call(&mut connection, "GET", "next", "")?;
        call(&mut connection, "POST", &format!("{id}/response"), &handle(&event))?;
    }
}

/// Returns the request's id, if the answer has one, and the body.
fn call(connection: &mut BufReader<TcpStream>, method: &str, path: &str, body: &str) -> Result<(String, String)> {
    let length = body.len();
    let request = format!(
        "{method} /2018-06-01/runtime/invocation/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    connection.get_mut().write_all(request.as_bytes())?;
    let (mut id, mut length, mut line) = (String::new(), 0, String::new());
    connection.read_line(&mut line)?;
    while !line.trim().is_empty() {
        line.clear();
        connection.read_line(&mut line)?;
        match line.split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("Lambda-Runtime-Aws-Request-Id") => id = value.trim().into(),
            Some((name, value)) if name.eq_ignore_ascii_case("Content-Length") => length = value.trim().parse().unwrap_or(0),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body)?;
    Ok((id, String::from_utf8_lossy(&body).into()))
}
