//! Signing in for real: azure_identity, TLS with a CA of the tenant's own, a client secret and a
//! certificate.

use crate::harness::{REAL, Repository, SECRET, Tenant};

const GUESTS: &str = "guests: [{mail: ada@contoso.example}]\n";

fn repository() -> Repository {
    Repository::new(&[("guests/a.yaml", GUESTS), ("policies/tenant.yaml", REAL)])
}

#[test]
fn a_client_secret_signs_in_over_tls() {
    let (tenant, repository) = (Tenant::empty(), repository());
    let ran = tenant.run(&repository, &["plan", "-vv"]).ends(0);
    assert!(
        ran.stdout.contains("+ guest ada@contoso.example: invite"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stderr.contains("AZURE_CLIENT_SECRET"),
        "the credential is named: {}",
        ran.stderr
    );
    assert!(!ran.stderr.contains(SECRET) && !ran.stdout.contains(SECRET));
}

#[test]
fn an_unknown_ca_is_refused() {
    let (tenant, repository) = (Tenant::empty(), repository());
    let mut command = tenant.command(&repository, &["plan"]);
    let other = tempfile::NamedTempFile::new().unwrap();
    guestlist_sandbox::Tls::new()
        .unwrap()
        .write_ca(other.path())
        .unwrap();
    let output = command.env("SSL_CERT_FILE", other.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(tenant.sandbox.requests().is_empty());
}

#[test]
fn an_environment_that_names_no_credential_is_an_error_at_once() {
    let ran = repository().run(&["plan"]).ends(1);
    for choice in [
        "AZURE_CLIENT_SECRET",
        "AZURE_CLIENT_CERTIFICATE_PATH",
        "AZURE_FEDERATED_TOKEN_FILE",
        "ACTIONS_ID_TOKEN_REQUEST_URL",
    ] {
        assert!(ran.stderr.contains(choice), "{}", ran.stderr);
    }
}

#[test]
fn a_federated_token_signs_in() {
    let (tenant, repository) = (Tenant::empty(), repository());
    repository.write("token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJyZXBvIn0.c2ln");
    let mut command = tenant.command(&repository, &["plan"]);
    command.env_remove("AZURE_CLIENT_SECRET").env(
        "AZURE_FEDERATED_TOKEN_FILE",
        repository.path().join("token"),
    );
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_plan_for_another_tenant_is_refused() {
    let tenant = Tenant::empty();
    let other = REAL.replace("7f3a0000-0000-4000-8000-000000000001", "somewhere.example");
    let repository =
        Repository::new(&[("guests/a.yaml", GUESTS), ("policies/tenant.yaml", &other)]);
    let ran = tenant.run(&repository, &["plan"]).ends(1);
    assert!(ran.stderr.contains("but this is"), "{}", ran.stderr);
}

#[test]
fn every_request_names_itself() {
    let (tenant, repository) = (Tenant::empty(), repository());
    tenant.run(&repository, &["plan"]).ends(0);
    let mut seen = std::collections::BTreeSet::new();
    for request in tenant
        .sandbox
        .requests()
        .iter()
        .filter(|request| !request.in_batch && request.number > 0)
    {
        assert!(request.headers["user-agent"].starts_with("guestlist/"));
        assert!(
            seen.insert(request.headers["client-request-id"].clone()),
            "fresh for each request"
        );
    }
    assert!(!seen.is_empty());
}

#[test]
fn a_certificate_signs_in_without_openssl() {
    let (tenant, repository) = (Tenant::empty(), repository());
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["guestlist.example".to_owned()])
        .unwrap()
        .self_signed(&key)
        .unwrap();
    repository.write(
        "app.pem",
        format!("{}{}", key.serialize_pem(), certificate.pem()),
    );
    let mut command = tenant.command(&repository, &["plan"]);
    command.env_remove("AZURE_CLIENT_SECRET").env(
        "AZURE_CLIENT_CERTIFICATE_PATH",
        repository.path().join("app.pem"),
    );
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("certificate") && !said.contains("PRIVATE KEY"),
        "{said}"
    );
}
