//! A running `sealbook serve`, and a client for it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::{TestLedger, sealbook};

/// A running `sealbook serve`; killed when it is dropped.
pub struct Served {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Served {
    /// Starts one on a free port.
    pub fn start(ledger: &TestLedger) -> Self {
        Self::start_with(ledger, &["--listen", "127.0.0.1:0"])
    }

    /// Starts one with these further arguments.
    pub fn start_with(ledger: &TestLedger, args: &[&str]) -> Self {
        let mut served = Self::starting(ledger, args);
        let mut url = String::new();
        BufReader::new(served.child.stdout.take().unwrap()).read_line(&mut url).unwrap();
        assert!(url.starts_with("http://127.0.0.1:") || url.starts_with("https://127.0.0.1:"), "{url:?}");
        url.trim().clone_into(&mut served.url);
        served
    }

    /// Starts one without waiting until it listens.
    pub fn starting(ledger: &TestLedger, args: &[&str]) -> Self {
        let child = Command::new(sealbook())
            .args(["serve", &ledger.arg(), "--quiet"])
            .args(args)
            .env_remove("SEALBOOK_LISTEN")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self { child, url: String::new() }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.url.split_once("://").unwrap().1
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop, which it must do in order.
    pub fn terminate(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }

    /// Bytes of memory that it held at most, and holds now, as the system counts them.
    pub fn memory(&self) -> (usize, usize) {
        let mut text = String::new();
        let mut file = std::fs::File::open(format!("/proc/{}/status", self.child.id())).unwrap();
        file.read_to_string(&mut text).unwrap();
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().trim_end_matches(" kB").parse::<usize>().unwrap() << 10
        };
        (bytes("VmHWM:"), bytes("VmRSS:"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its head.
    pub headers: ureq::http::HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; as text where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&self.body).into_owned()))
    }
}

/// Speaks HTTP with a service; keeps its connections.
pub struct Client {
    agent: ureq::Agent,
    url: String,
}

impl Client {
    /// A client of the service at `url`.
    pub fn new(url: &str) -> Self {
        let config = ureq::Agent::config_builder();
        let config = config.timeout_global(Some(Duration::from_secs(30))).http_status_as_error(false);
        Self { agent: config.build().into(), url: url.to_owned() }
    }

    /// Posts a body.
    ///
    /// # Errors
    /// When no whole answer came.
    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, ureq::Error> {
        let mut request = self.agent.post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        whole(request.send(body)?)
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// When no whole answer came.
    pub fn post_json(&self, path: &str, body: &[u8]) -> Result<(u16, Value), ureq::Error> {
        let answer = self.post(path, &[("content-type", "application/json")], body)?;
        Ok((answer.status, answer.json()))
    }

    /// Gets a path.
    ///
    /// # Errors
    /// When no whole answer came.
    pub fn get(&self, path: &str) -> Result<Answer, ureq::Error> {
        whole(self.agent.get(format!("{}{path}", self.url)).call()?)
    }
}

fn whole(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer, ureq::Error> {
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(256 << 20).read_to_vec()?;
    Ok(Answer { status, headers: response.headers().clone(), body })
}
