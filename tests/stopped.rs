//! Stopped with a word of warning: Ctrl-C and SIGTERM, a journal that cannot be written, connections
//! that go away, lists that never end.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use guestlist_planner::request::Read;
use guestlist_sandbox::{Act, Behaviour, Fault, Received, Sandbox, When};
use guestlist_tenant::Stop;
use guestlist_tenant::apply::{Entry, Journal, Outcome, Phase};
use guestlist_tenant::transport::{
    HeaderMap, HttpRequest, HttpResponse, HttpTransport, Method, Transport, TransportError, Url,
};
use jiff::Timestamp;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::faults::{fresh, reference};
use crate::harness::{REAL, Repository, Tenant};
use crate::inside::{client, on_paused_clock, over, run, run_with};
use crate::killed::{APPLY, now, repository, shown, wait_for};
use crate::scenario::{differences, essence, mails, tenant};

/// The real program, applying.
struct Applying {
    now: Timestamp,
    tenant: Tenant,
    repository: Repository,
    child: Child,
    said: BufReader<std::process::ChildStderr>,
}

impl Applying {
    fn begin(behaviour: Behaviour) -> Self {
        let now = now();
        let (tenant, repository) = (Tenant::serve(tenant(now)), repository(now));
        tenant.sandbox.behave(behaviour);
        let mut command = tenant.command(&repository, &APPLY);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stderr.take().unwrap());
        Self {
            now,
            tenant,
            repository,
            child,
            said,
        }
    }

    /// Waits until the first write has reached the tenant.
    fn writes(&mut self) -> Received {
        self.writes_to("")
    }

    /// Waits until a write has reached the tenant whose path begins so.
    fn writes_to(&mut self, path: &str) -> Received {
        loop {
            let requests = self.tenant.sandbox.requests();
            let write = |request: &&Received| {
                let is_write = request.method != "GET" && !request.path.contains("$batch");
                request.number > 0 && is_write && request.path.starts_with(path)
            };
            if let Some(write) = requests.iter().find(write) {
                return wait_for(&self.tenant, write.number, &mut self.child).unwrap();
            }
            assert!(
                self.child.try_wait().unwrap().is_none(),
                "it ended without a write"
            );
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Reads what it says until it says this.
    fn says(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(
                self.said.read_line(&mut line).unwrap() > 0,
                "it never says: {text}"
            );
        }
    }

    /// Waits for its end; returns its exit code and what it printed.
    fn ends(&mut self) -> (Option<i32>, String) {
        let mut printed = String::new();
        let mut stdout = self.child.stdout.take().unwrap();
        // What it says meanwhile must not fill the pipe.
        while self.said.read_line(&mut String::new()).unwrap() > 0 {}
        std::io::Read::read_to_string(&mut stdout, &mut printed).unwrap();
        (self.child.wait().unwrap().code(), printed)
    }

    fn run_again_converges(&self) {
        let reference = Tenant::serve(tenant(self.now));
        reference.run(&repository(self.now), &APPLY).ends(0);
        self.tenant.sandbox.behave(Behaviour::default());
        self.tenant.run(&self.repository, &APPLY).ends(0);
        let state = |tenant: &Tenant| essence(&tenant.sandbox, self.now);
        let wrong = differences(&state(&reference), &state(&self.tenant));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(mails(&reference.sandbox), mails(&self.tenant.sandbox));
    }
}

#[cfg(unix)]
#[test]
fn promise_5_interrupted_once_it_finishes_what_is_under_way_and_reports() {
    for signal in ["INT", "TERM"] {
        let latency = Duration::from_millis(120);
        let mut applying = Applying::begin(Behaviour {
            latency,
            ..Behaviour::default()
        });
        applying.writes();
        applying.signal(signal);
        applying.says("stopping: what is under way is finished");
        let (code, printed) = applying.ends();
        assert_eq!(code, Some(4), "{printed}");
        assert!(
            printed.contains("the run stopped: it was interrupted")
                && printed.contains("were not begun"),
            "{printed}"
        );
        let told = shown(&applying.tenant, &applying.repository);
        assert!(told.contains(" 0 failed, 0 in doubt."), "{told}");
        applying.run_again_converges();
    }
}

#[cfg(unix)]
#[test]
fn promise_5_interrupted_twice_it_stops_at_once() {
    // The first write is carried out and never answered.
    let hangs = Fault::on("POST", "/groups", Act::DoThenHang);
    let mut applying = Applying::begin(Behaviour {
        faults: vec![hangs],
        ..Behaviour::default()
    });
    let hung = applying.writes_to("/groups");
    assert_eq!(hung.path, "/groups");
    applying.signal("INT");
    applying.says("stopping: what is under way is finished");
    applying.signal("INT");
    applying.says("stopped; planning again is safe");
    let (code, _) = applying.ends();
    assert_eq!(code, Some(4));
    let told = shown(&applying.tenant, &applying.repository);
    assert!(
        told.contains("POST /groups → the run ended before its answer"),
        "{told}"
    );
    applying.run_again_converges();
}

/// A journal whose disk is full from a call on; notes what had been sent by then.
struct Full {
    left: usize,
    sandbox: Sandbox,
    sent: Option<usize>,
}

fn sent(sandbox: &Sandbox) -> usize {
    let requests = sandbox.requests();
    let write = |request: &&Received| request.method != "GET" && !request.path.contains("$batch");
    requests.iter().filter(write).count()
}

impl Journal for Full {
    fn write(&mut self, _: &[Entry]) -> std::io::Result<()> {
        if self.left == 0 {
            self.sent = self.sent.or_else(|| Some(sent(&self.sandbox)));
            return Err(ErrorKind::StorageFull.into());
        }
        self.left -= 1;
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn promise_12_nothing_more_is_sent_once_the_journal_cannot_be_written() {
    let reference = reference();
    on_paused_clock(async {
        for left in 0.. {
            let sandbox = fresh(Vec::new());
            let now = crate::faults::now();
            let mut journal = Full {
                left,
                sandbox: sandbox.clone(),
                sent: None,
            };
            let ran = run(&sandbox, &reference.config, now, &mut journal)
                .await
                .unwrap();
            let Some(by_then) = journal.sent else {
                assert!(ran.is_complete() && left > 10);
                break;
            };
            assert_eq!(sent(&sandbox), by_then, "after line {left}");
            assert!(
                ran.report
                    .stopped
                    .unwrap()
                    .contains("the journal could not be written")
            );
            assert!(by_then > 0 || left == 0);
        }
    });
}

/// A journal that asks the run to stop at a call, and keeps the last line about each object.
struct Asks {
    left: usize,
    stop: Stop,
    told: BTreeMap<String, Phase>,
}

impl Journal for Asks {
    fn write(&mut self, entries: &[Entry]) -> std::io::Result<()> {
        match self.left {
            0 => self.stop.ask(),
            _ => self.left -= 1,
        }
        let told = entries.iter();
        let told = told.map(|entry| (entry.address.clone(), entry.phase));
        self.told.extend(told);
        Ok(())
    }

    fn sync(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn promise_12_an_interrupted_run_says_what_it_did() {
    let reference = reference();
    on_paused_clock(async {
        let now = crate::faults::now();
        for left in 0.. {
            let sandbox = fresh(Vec::new());
            let client = client(&sandbox);
            let mut journal = Asks {
                left,
                stop: client.stop().clone(),
                told: BTreeMap::new(),
            };
            let ran = run_with(&client, &reference.config, now, &mut journal, || {})
                .await
                .unwrap();
            if ran.report.stopped.is_none() {
                assert!(left > 10);
                break;
            }
            for (step, outcome) in &ran.report.outcomes {
                let address = step.address.to_string();
                let phase = journal.told.get(&address);
                let sent = phase == Some(&Phase::Outcome);
                // Several steps may be about one guest, and what a group has takes several requests; an
                // edge, a policy or another group is one of each.
                let expected = match step.address.kind.as_str() {
                    "guest" => continue,
                    "group" if step.address.key == "team" => continue,
                    _ if sent => Outcome::Done,
                    _ => Outcome::NotBegun,
                };
                assert_ne!(phase, Some(&Phase::Intent), "{address} after line {left}");
                assert_eq!(*outcome, expected, "{address} after line {left}");
            }
        }
    });
}

/// Adds the journal of a run before the only one, which was refused what the only one then did. It is
/// the newer file: folders list files in any order.
fn refused_before(repository: &Repository) {
    let folder = repository.path().join(".guestlist/journal");
    let journal = std::fs::read_dir(&folder).unwrap().next().unwrap();
    let text = std::fs::read_to_string(journal.unwrap().path()).unwrap();
    let (head, intent) = text.trim_end().split_once('\n').unwrap();
    let outcome = intent.replace(r#""phase":"intent""#, r#""phase":"outcome","failed":true"#);
    let before = format!("{head}\n{intent}\n{outcome}\n");
    std::fs::write(folder.join("20000101T000000.000000Z.jsonl"), before).unwrap();
}

#[cfg(unix)]
#[test]
fn promise_5_killed_before_lists_show_the_guest_and_run_again_nobody_is_invited_twice() {
    let tenant = Tenant::empty();
    let repository = Repository::new(&[
        ("guests/all.yaml", "guests: [{mail: ada@contoso.example}]"),
        ("policies/all.yaml", REAL),
    ]);
    let lags = |faults| {
        tenant.sandbox.behave(Behaviour {
            replication: Duration::from_secs(3),
            faults,
            ..Behaviour::default()
        });
    };
    let path = "/invitations".to_owned();
    lags(vec![Fault {
        when: When::Matching { method: None, path },
        skip: 0,
        times: 1,
        act: Act::DoThenHang,
    }]);
    let args = ["apply", "--yes", "--settle", "20"];
    let mut child = tenant.command(&repository, &args).spawn().unwrap();
    while tenant.mails() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    refused_before(&repository);
    lags(Vec::new());
    let again = tenant.run(&repository, &args).ends(0);
    assert!(
        again.stderr.contains("may have created 1"),
        "{}",
        again.stderr
    );
    assert_eq!(tenant.mails(), 1, "{}", again.stderr);
    tenant
        .run(&repository, &["plan", "--detailed-exitcode"])
        .ends(0);
}

#[test]
fn a_run_goes_on_when_nobody_reads_what_it_says() {
    let now = now();
    let (tenant, repository) = (Tenant::serve(tenant(now)), repository(now));
    let mut command = tenant.command(&repository, &APPLY);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((child.stdout.take(), child.stderr.take()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    tenant.applied(&repository);
}

#[test]
fn promise_12_without_a_journal_nothing_is_applied() {
    let now = now();
    let (tenant, repository) = (Tenant::serve(tenant(now)), repository(now));
    repository.write(".guestlist/journal", "in the way");
    let before = tenant.sandbox.state();
    let ran = tenant.run(&repository, &APPLY).ends(1);
    assert!(ran.stderr.contains("journal"), "{}", ran.stderr);
    assert_eq!(before, tenant.sandbox.state());
}

#[tokio::test]
async fn a_connection_that_the_server_closed_meanwhile_is_no_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("http://{}/v1.0/users", listener.local_addr().unwrap())
        .parse()
        .unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = connections.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            // Answers once as if it would stay, and goes.
            let mut asked = [0; 4096];
            let _ = stream.read(&mut asked).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                .await;
        }
    });
    let transport = HttpTransport::new(&url, None, Duration::from_secs(30)).unwrap();
    for (number, method) in [
        Method::GET,
        Method::POST,
        Method::PATCH,
        Method::DELETE,
        Method::GET,
    ]
    .into_iter()
    .enumerate()
    {
        let body = matches!(method, Method::POST | Method::PATCH).then(|| b"{}".to_vec());
        let request = HttpRequest {
            method,
            url: url.clone(),
            headers: HeaderMap::new(),
            body,
        };
        let response = transport.send(request).await;
        assert!(
            response.is_ok_and(|response| response.status == 200),
            "request {number}"
        );
        // The next one comes after the news that the connection is gone.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(connections.load(Ordering::Relaxed), 5);
}

/// Answers every request with an empty page and a link to one more.
struct Endless(AtomicUsize);

#[async_trait::async_trait]
impl Transport for Endless {
    async fn send(&self, _: HttpRequest) -> Result<HttpResponse, TransportError> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        assert!(number < 100_000, "this never ends");
        let link = format!("https://graph.example/v1.0/groups?$skiptoken={number}");
        let body = json!({ "value": [], "@odata.nextLink": link });
        Ok(HttpResponse {
            status: 200,
            headers: HeaderMap::new(),
            body: body.to_string().into_bytes(),
        })
    }
}

#[test]
fn a_list_of_empty_pages_without_end_is_given_up_by_name() {
    on_paused_clock(async {
        let sandbox = Sandbox::empty(crate::faults::now());
        let client = over(Arc::new(Endless(AtomicUsize::new(0))), &sandbox, 8);
        let read = Read::list("/groups?$select=id", "Group.Read.All");
        let error = client.read(vec![read]).await.unwrap_err().to_string();
        assert!(error.contains("GET /groups?$select=id"), "{error}");
    });
}
