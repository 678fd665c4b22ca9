//! The sandbox over real connections: the token endpoint, faults that close them, and TLS.

use guestlist_sandbox::{Act, Behaviour, Canned, Fault, Sandbox, Server, Tls, serve};
use reqwest::{Certificate, Client, StatusCode};
use serde_json::{Value, json};

fn tenant() -> Sandbox {
    Sandbox::seeded("2026-11-22T03:00:00Z".parse().expect("an instant"))
}

async fn start(sandbox: &Sandbox, tls: Option<&Tls>) -> Server {
    let addr = ([127, 0, 0, 1], 0).into();
    serve(sandbox.clone(), addr, tls)
        .await
        .expect("loopback is there")
}

fn credentials(server: &Server) -> Vec<(&'static str, String)> {
    vec![
        ("grant_type", "client_credentials".into()),
        ("client_id", "99999999-9999-4999-8999-999999999999".into()),
        ("client_secret", "anything".into()),
        ("scope", format!("{}/.default", server.graph_url)),
    ]
}

async fn sign_in(client: &Client, server: &Server, form: &[(&str, String)]) -> (u16, Value) {
    let encoded: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", value.replace(':', "%3A").replace('/', "%2F")))
        .collect();
    let answer = client
        .post(format!(
            "{}/fabrikam.example/oauth2/v2.0/token",
            server.authority_url
        ))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(encoded.join("&"))
        .send()
        .await
        .expect("an answer");
    (
        answer.status().as_u16(),
        answer.json().await.expect("an answer"),
    )
}

#[tokio::test]
async fn a_client_signs_in_reads_and_writes() {
    let sandbox = tenant();
    let server = start(&sandbox, None).await;
    let client = Client::new();
    let (status, token) = sign_in(&client, &server, &credentials(&server)).await;
    assert_eq!(
        (status, &token["token_type"], &token["expires_in"]),
        (200, &json!("Bearer"), &json!(3600))
    );
    let bearer = token["access_token"].as_str().unwrap();
    assert_eq!(bearer.split('.').count(), 3);

    let users = format!("{}/v1.0/users", server.graph_url);
    let answer = client.get(&users).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    let answer = client
        .get(format!(
            "{users}?$filter=mail eq 'mary@contoso.example'&$select=id"
        ))
        .bearer_auth(bearer)
        .send()
        .await
        .unwrap();
    assert!(answer.headers().contains_key("request-id"));
    let list: Value = answer.json().await.unwrap();
    let id = list["value"][0]["id"].as_str().unwrap();
    let change = json!({"companyName": "Contoso"});
    let answer = client
        .patch(format!("{users}/{id}"))
        .bearer_auth(bearer)
        .json(&change)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    let answer = client
        .post(format!("{users}/{id}/sponsors/$ref"))
        .bearer_auth(bearer)
        .body("x")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);

    let requests = sandbox.requests();
    assert!(requests[0].path.ends_with("/oauth2/v2.0/token") && requests[0].body.is_none());
    assert_eq!(requests[3].body, Some(change));
    assert!(!format!("{requests:?}").contains("anything"));
}

#[tokio::test]
async fn the_token_endpoint_is_strict_about_everything_but_secrets() {
    let server = start(&tenant(), None).await;
    let client = Client::new();
    let with = |name: &str, value: &str| {
        let mut form = credentials(&server);
        form.retain(|(known, _)| *known != name);
        form.push(("ignored", String::new()));
        if !value.is_empty() {
            form.push((
                if name == "scope" {
                    "scope"
                } else {
                    "grant_type"
                },
                value.to_owned(),
            ));
        }
        form
    };
    for (form, status) in [
        (with("grant_type", "password"), 400),
        (with("client_id", ""), 400),
        (with("client_secret", ""), 401),
        (with("scope", "https://elsewhere.example/.default"), 400),
        (with("scope", "https://graph.microsoft.com/.default"), 200),
    ] {
        assert_eq!(sign_in(&client, &server, &form).await.0, status, "{form:?}");
    }
    let assertion = [
        credentials(&server).remove(0),
        credentials(&server).remove(1),
        credentials(&server).remove(3),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".into(),
        ),
        ("client_assertion", "e30.e30.x".into()),
    ];
    assert_eq!(sign_in(&client, &server, &assertion).await.0, 200);
    let elsewhere = format!(
        "{}/elsewhere.example/oauth2/v2.0/token",
        server.authority_url
    );
    let answer = client
        .post(elsewhere)
        .body("grant_type=client_credentials")
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn connections_break_where_they_are_told_to() {
    let sandbox = tenant();
    let server = start(&sandbox, None).await;
    sandbox.behave(Behaviour {
        faults: vec![
            Fault::at(1, Act::Drop),
            Fault::at(2, Act::Lose),
            Fault::at(3, Act::Truncate),
            Fault::at(4, Act::Answer(Canned::throttled(12))),
        ],
        ..Behaviour::default()
    });
    let client = Client::builder()
        .retry(reqwest::retry::never())
        .build()
        .unwrap();
    let url = format!("{}/v1.0/users?$top=5", server.graph_url);
    let get = || client.get(&url).bearer_auth(sandbox.token()).send();
    assert!(get().await.is_err());
    assert!(get().await.is_err());
    let cut = get().await.unwrap();
    assert_eq!(cut.status(), StatusCode::OK);
    assert!(cut.bytes().await.is_err());
    let throttled = get().await.unwrap();
    assert_eq!(throttled.status(), StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(throttled.headers()["retry-after"], "12");
    assert_eq!(get().await.unwrap().status(), StatusCode::OK);
    assert_eq!(sandbox.requests().len(), 5);
}

#[tokio::test]
async fn a_hung_request_is_done_and_waits_until_its_caller_leaves() {
    let sandbox = tenant();
    let server = start(&sandbox, None).await;
    sandbox.behave(Behaviour {
        faults: vec![
            Fault::on("DELETE", "/users/", Act::DoThenHang),
            Fault::on("GET", "/users", Act::Html(502)),
        ],
        ..Behaviour::default()
    });
    let mary = sandbox.find("mary@contoso.example").unwrap();
    let client = Client::new();
    let url = format!("{}/v1.0/users", server.graph_url);
    let delete = client
        .delete(format!("{url}/{mary}"))
        .bearer_auth(sandbox.token())
        .timeout(std::time::Duration::from_millis(200));
    assert!(delete.send().await.unwrap_err().is_timeout());
    assert!(sandbox.state()["users"].to_string().find(&mary).is_none());
    let page = client
        .get(&url)
        .bearer_auth(sandbox.token())
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(page.headers()["content-type"], "text/html");
    assert!(page.text().await.unwrap().contains("<h1>502</h1>"));
}

#[tokio::test]
async fn tls_is_trusted_through_the_authority_and_next_links_stay_on_it() {
    let sandbox = tenant();
    let tls = Tls::new().unwrap();
    let server = start(&sandbox, Some(&tls)).await;
    assert!(server.graph_url.starts_with("https://127.0.0.1:"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    tls.write_ca(&path).unwrap();
    let ca = Certificate::from_pem(&std::fs::read(&path).unwrap()).unwrap();
    let client = Client::builder().tls_certs_only([ca]).build().unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let root = format!("https://{host}:{}", server.addr.port());
        let answer = client
            .get(format!("{root}/v1.0/users?$top=1"))
            .bearer_auth(sandbox.token())
            .send()
            .await
            .unwrap();
        let list: Value = answer.json().await.unwrap();
        assert!(
            list["@odata.nextLink"]
                .as_str()
                .unwrap()
                .starts_with(&format!("{root}/v1.0/users?"))
        );
    }
    let stranger = Client::builder().build().unwrap();
    assert!(
        stranger
            .get(format!("{}/v1.0/users", server.graph_url))
            .send()
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_dropped_server_is_gone_and_other_machines_are_not_served() {
    let sandbox = tenant();
    let server = start(&sandbox, None).await;
    let url = format!("{}/v1.0/users", server.graph_url);
    let client = Client::new();
    assert_eq!(
        client.get(&url).send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    drop(server);
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    assert!(client.get(&url).send().await.is_err());
    assert!(
        serve(sandbox, ([0, 0, 0, 0], 0).into(), None)
            .await
            .is_err()
    );
}
