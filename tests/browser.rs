//! Chromium without a window, spoken to over a pipe in the DevTools protocol. Tests fail where it is
//! not installed: a page that nobody has opened is not tested.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

/// What it is called, here or there.
const NAMES: &[&str] = &["chromium", "chromium-browser", "google-chrome"];

/// The protocol is spoken on descriptors 3 and 4, which the shell makes of 0 and 1.
const START: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

/// A page in a browser.
pub(crate) struct Browser {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    calls: usize,
    session: Option<String>,
    /// What the page asked for, and everything it complained about.
    events: Vec<Value>,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens a file.
    pub(crate) fn open(page: &Path) -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", START, installed()]);
        command.args(["--headless", "--disable-gpu", "--remote-debugging-pipe"]);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        // The browser's own sandbox refuses to run as root.
        if std::fs::metadata(profile.path()).unwrap().uid() == 0 {
            command.arg("--no-sandbox");
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.arg("about:blank").spawn().unwrap();
        let mut this = Self {
            to: child.stdin.take().unwrap(),
            from: BufReader::new(child.stdout.take().unwrap()),
            child,
            calls: 0,
            session: None,
            events: Vec::new(),
            _profile: profile,
        };
        this.attach();
        let url = format!("file://{}", page.display());
        this.call("Page.navigate", json!({ "url": url }));
        this.ask("new Promise(done => document.readyState === 'complete' ? done(1) : addEventListener('load', () => done(1)))");
        this
    }

    fn attach(&mut self) {
        let targets = self.call("Target.getTargets", json!({}));
        let targets = targets["targetInfos"].as_array().unwrap();
        let page = targets.iter().find(|target| target["type"] == "page");
        let target = json!({ "targetId": page.unwrap()["targetId"], "flatten": true });
        let session = self.call("Target.attachToTarget", target);
        self.session = Some(session["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    /// Calls a method of the protocol.
    #[track_caller]
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Value {
        self.calls += 1;
        let mut call = json!({ "id": self.calls, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{call}\0").as_bytes()).unwrap();
        loop {
            let mut message = self.hear();
            if message["id"] == self.calls {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].take();
            }
            self.events.push(message);
        }
    }

    #[track_caller]
    fn hear(&mut self) -> Value {
        let mut message = Vec::new();
        self.from.read_until(0, &mut message).unwrap();
        assert_eq!(message.pop(), Some(0), "the browser has gone away");
        serde_json::from_slice(&message).unwrap()
    }

    /// Loads the page again, whether or not it may run scripts.
    pub(crate) fn reload(&mut self) {
        let before = self.events.len();
        self.call("Page.reload", json!({}));
        let loaded = |event: &Value| event["method"] == "Page.loadEventFired";
        while !self.events[before..].iter().any(loaded) {
            let event = self.hear();
            self.events.push(event);
        }
    }

    /// Returns what an expression comes to in the page; waits for it if need be.
    #[track_caller]
    pub(crate) fn ask(&mut self, script: &str) -> Value {
        let params = json!({ "expression": script, "awaitPromise": true, "returnByValue": true, "allowUnsafeEvalBlockedByCSP": false });
        let mut answer = self.call("Runtime.evaluate", params);
        assert!(answer["exceptionDetails"].is_null(), "{script}: {answer}");
        answer["result"]["value"].take()
    }

    /// Types into what has the focus.
    pub(crate) fn types(&mut self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// Presses Enter on what has the focus.
    pub(crate) fn enter(&mut self) {
        for kind in ["keyDown", "keyUp"] {
            let key = json!({ "type": kind, "key": "Enter", "code": "Enter", "text": "\r", "windowsVirtualKeyCode": 13 });
            self.call("Input.dispatchKeyEvent", key);
        }
    }

    /// Returns what the page complained about, and every address it asked for.
    pub(crate) fn complaints(&mut self) -> (Vec<String>, Vec<String>) {
        self.ask("1");
        let (mut said, mut asked) = (Vec::new(), Vec::new());
        for event in &self.events {
            match event["method"].as_str() {
                Some("Network.requestWillBeSent") => {
                    asked.push(
                        event["params"]["request"]["url"]
                            .as_str()
                            .unwrap()
                            .to_owned(),
                    );
                }
                Some("Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded") => {
                    said.push(event["params"].to_string());
                }
                _ => {}
            }
        }
        (said, asked)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns the browser's name on this machine.
fn installed() -> &'static str {
    let is_there = |name: &&&str| {
        let mut look = Command::new("sh");
        look.args(["-c", "command -v \"$0\"", name])
            .stdout(Stdio::null());
        look.status().is_ok_and(|status| status.success())
    };
    NAMES
        .iter()
        .find(is_there)
        .expect("the pages are tested in Chromium: apt-get install chromium")
}
