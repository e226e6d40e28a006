//! `hazstream health`: asks a running process whether it is ready, where there is no shell and no curl.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::exit::{Exit, Stop};
use super::{Context, print};
use crate::http::Readiness;

/// Connecting, asking and reading may each take this long.
const PATIENCE: Duration = Duration::from_secs(5);

/// Its arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the process listens [default: this machine, at the port of http.listen]
    #[arg(long, value_name = "HOST:PORT")]
    at: Option<String>,
}

/// Says that it is ready, or why not.
///
/// # Errors
/// With exit code 1 when it is not ready, and 3 when nobody answers.
pub fn run(args: &Args, context: &Context) -> Result<(), Stop> {
    let at = match &args.at {
        Some(at) => at.clone(),
        None => here(context.settings()?.http_listen).to_string(),
    };
    let answer = ask(&at).map_err(|error| {
        Stop::new(Exit::Unreachable, format!("nobody answers at {at}: {error}: does hazstream run there?"))
    })?;
    let readiness = read(&answer)
        .ok_or_else(|| Stop::new(Exit::Other, format!("whoever answers at {at} is not hazstream")))?;
    if readiness.ready {
        print::out("ready");
        return Ok(());
    }
    Err(Stop::new(Exit::Other, format!("not ready: {}", readiness.reasons.join("; "))))
}

/// Whoever listens everywhere is asked on this machine.
fn here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(at: &str) -> std::io::Result<String> {
    let mut failed = std::io::Error::other("the name has no address");
    for address in at.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => return converse(stream, at),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn converse(mut stream: TcpStream, at: &str) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // 1.0: one answer, not in chunks, and then the end.
    write!(stream, "GET /readyz HTTP/1.0\r\nHost: {at}\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(1 << 20).read_to_string(&mut answer)?;
    Ok(answer)
}

fn read(answer: &str) -> Option<Readiness> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.").then(|| serde_json::from_str(body).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_listens_everywhere_is_asked_here() {
        for (listen, wanted) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.7:9000", "10.0.0.7:9000"),
        ] {
            assert_eq!(here(listen.parse().unwrap()).to_string(), wanted);
        }
    }

    #[test]
    fn only_hazstreams_own_answer_is_taken() {
        let ready = "HTTP/1.0 200 OK\r\nx: y\r\n\r\n{\"ready\":true,\"reasons\":[]}";
        assert!(read(ready).is_some_and(|readiness| readiness.ready));
        for other in ["", "HTTP/1.0 200 OK\r\n\r\n<html>", "SSH-2.0\r\n\r\n{\"ready\":true,\"reasons\":[]}"] {
            assert_eq!(read(other), None, "{other}");
        }
    }
}
