//! A repository in a temporary folder, a tenant served over TLS, and the binary between them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use guestlist_sandbox::{Sandbox, Server, Tls, serve};
use serde_json::{Value, json};

/// How a command ended.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// Fails unless the command ended with `code`; shows all it said.
    #[track_caller]
    pub(crate) fn ends(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        );
        self
    }
}

/// A repository.
pub(crate) struct Repository(tempfile::TempDir);

impl Repository {
    /// Makes one with these files.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        for (path, text) in files {
            repository.write(path, text);
        }
        repository
    }

    /// Copies the example repository.
    pub(crate) fn example() -> Self {
        let repository = Self::new(&[]);
        for folder in ["guests", "policies"] {
            for entry in std::fs::read_dir(root().join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let name = format!("{folder}/{}", path.file_name().unwrap().to_str().unwrap());
                repository.write(&name, std::fs::read(&path).unwrap());
            }
        }
        repository
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// The command, with nothing of the environment of whoever runs the tests.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guestlist"));
        command
            .arg("-C")
            .arg(self.path())
            .args(args)
            .env_clear()
            .stdin(Stdio::null());
        command
    }

    /// Runs the command against the embedded tenant.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        ran(self.command(args))
    }
}

fn ran(mut command: Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// A tenant that is served over TLS with a CA of its own.
pub(crate) struct Tenant {
    pub(crate) sandbox: Sandbox,
    server: Server,
    ca: tempfile::NamedTempFile,
    _runtime: tokio::runtime::Runtime,
}

/// The tenant's id.
pub(crate) const TENANT: &str = "7f3a0000-0000-4000-8000-000000000001";

/// The file that points a repository at the tenant.
pub(crate) const REAL: &str = "tenant: {id: 7f3a0000-0000-4000-8000-000000000001, owner: partner-access, timeZone: Europe/Helsinki}\n";

/// What every guest of a real tenant carries once it is ours.
pub(crate) const STAMP: &str = "guestlist owner=partner-access";

impl Tenant {
    /// Serves a tenant without guests, but for its administrator.
    pub(crate) fn empty() -> Self {
        Self::serve(Sandbox::empty(jiff::Timestamp::now()))
    }

    pub(crate) fn serve(sandbox: Sandbox) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let tls = Tls::new().unwrap();
        let ca = tempfile::NamedTempFile::new().unwrap();
        tls.write_ca(ca.path()).unwrap();
        let address = ([127, 0, 0, 1], 0).into();
        let server = runtime
            .block_on(serve(sandbox.clone(), address, Some(&tls)))
            .unwrap();
        Self {
            sandbox,
            server,
            ca,
            _runtime: runtime,
        }
    }

    /// The command, signing in to this tenant with a client secret.
    pub(crate) fn command(&self, repository: &Repository, args: &[&str]) -> Command {
        let mut command = repository.command(args);
        command
            .env("GUESTLIST_GRAPH_ENDPOINT", &self.server.graph_url)
            .env("AZURE_AUTHORITY_HOST", &self.server.authority_url)
            .env("SSL_CERT_FILE", self.ca.path())
            .env("AZURE_TENANT_ID", TENANT)
            .env("AZURE_CLIENT_ID", "99999999-9999-4999-8999-999999999999")
            .env("AZURE_CLIENT_SECRET", SECRET);
        command
    }

    pub(crate) fn run(&self, repository: &Repository, args: &[&str]) -> Ran {
        ran(self.command(repository, args))
    }

    /// Runs `apply` to its end, then shows that nothing is left to do.
    #[track_caller]
    pub(crate) fn applied(&self, repository: &Repository) -> Ran {
        let ran = self.run(repository, &["apply", "--yes"]).ends(0);
        self.run(repository, &["plan", "--detailed-exitcode"])
            .ends(0);
        ran
    }

    /// Returns the policies that `import` writes of this tenant, after which nothing is left to do.
    #[track_caller]
    pub(crate) fn imported_policies(&self) -> String {
        let fresh = Repository::new(&[("policies/tenant.yaml", REAL)]);
        let imported = self.run(&fresh, &["import", "--policies"]).ends(0).stdout;
        let path = fresh.path().join("policies/tenant-policies.yaml");
        let written = std::fs::read_to_string(path).unwrap_or_else(|_| panic!("{imported}"));
        self.run(&fresh, &["plan", "--detailed-exitcode"]).ends(0);
        written
    }

    /// Returns the user who has this address.
    pub(crate) fn user(&self, mail: &str) -> Value {
        let id = self
            .sandbox
            .find(mail)
            .unwrap_or_else(|| panic!("no {mail}"));
        let state = self.sandbox.state();
        let users = state["users"]
            .as_array()
            .unwrap()
            .iter()
            .chain(state["deletedUsers"].as_array().unwrap());
        users
            .into_iter()
            .find(|user| user["id"] == id.as_str())
            .unwrap()
            .clone()
    }

    /// Returns the ids of a group's members.
    pub(crate) fn members(&self, group: &str) -> Vec<String> {
        let state = self.sandbox.state();
        let group = state["groups"]
            .as_array()
            .unwrap()
            .iter()
            .find(|found| found["displayName"] == group)
            .unwrap()
            .clone();
        group["members"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect()
    }

    /// Returns how many mails went out.
    pub(crate) fn mails(&self) -> usize {
        self.sandbox.state()["mails"].as_array().unwrap().len()
    }

    /// Adds an accepted guest of ours.
    pub(crate) fn managed(&self, mail: &str) -> String {
        self.guest(
            mail,
            json!({ "onPremisesExtensionAttributes": { "extensionAttribute15": STAMP } }),
        )
    }

    /// Adds an accepted guest.
    pub(crate) fn guest(&self, mail: &str, more: Value) -> String {
        let mut user = json!({ "mail": mail, "displayName": mail, "userType": "Guest", "externalUserState": "Accepted", "accountEnabled": true });
        for (name, value) in more.as_object().unwrap() {
            user[name] = value.clone();
        }
        self.sandbox.insert_user(user)
    }
}

/// The client secret of the tests; must never be printed.
pub(crate) const SECRET: &str = "very-secret-value";
