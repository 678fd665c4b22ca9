//! Where a run goes: which of Microsoft's clouds, which Graph root, which sign-in authority, and
//! for what resource tokens are asked. How to sign in there is `auth.rs`'s business.

use guestlist_planner::policy::Cloud;
use reqwest::Url;

use super::{AuthError, Env, set};

/// Where a run sends its requests, and what it asks tokens for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The Graph root, without version.
    pub graph_root: Url,
    /// The scope of the token.
    pub scope: String,
    /// The authority that issues it.
    pub authority: Url,
}

impl Endpoint {
    /// Returns where `cloud` is, as far as `GUESTLIST_GRAPH_ENDPOINT` and `AZURE_AUTHORITY_HOST`
    /// do not say otherwise.
    ///
    /// A token is only good for the resource that it names, and that is one of Microsoft's Graph
    /// roots: what stands behind another endpoint (a gateway, a recorder, the sandbox) expects a
    /// token of the cloud that it fronts. So the scope follows the endpoint only where the
    /// endpoint is itself such a root.
    pub fn new(env: Env<'_>, cloud: Cloud) -> Result<Self, AuthError> {
        let given = set(env, "GUESTLIST_GRAPH_ENDPOINT");
        let graph_root = match &given {
            Some(text) => graph_endpoint(text)?,
            None => known(cloud.graph_root()),
        };
        let resource = Cloud::ALL
            .into_iter()
            .map(Cloud::graph_root)
            .find(|root| known(root).origin() == graph_root.origin())
            .unwrap_or(cloud.graph_root());
        let authority = match set(env, "AZURE_AUTHORITY_HOST") {
            Some(text) => https("AZURE_AUTHORITY_HOST", &text)?,
            None => known(cloud.authority()),
        };
        Ok(Self {
            graph_root,
            scope: format!("{resource}/.default"),
            authority,
        })
    }
}

fn known(root: &'static str) -> Url {
    Url::parse(root).expect("Microsoft's roots are URLs")
}

fn graph_endpoint(text: &str) -> Result<Url, AuthError> {
    const VARIABLE: &str = "GUESTLIST_GRAPH_ENDPOINT";
    let bad = |why| AuthError::BadUrl {
        variable: VARIABLE,
        why,
    };
    let mut url = private(VARIABLE, text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(bad("must not hold a query"));
    }
    let path = url.path().trim_end_matches('/').to_owned();
    if path.ends_with("/v1.0") || path.ends_with("/beta") {
        return Err(bad("must be a Graph root without version"));
    }
    url.set_path(&path);
    Ok(url)
}

/// Returns the https URL that `variable` holds; azure_identity refuses any other, later and in
/// other words, and a token endpoint without TLS would receive the secret.
fn https(variable: &'static str, text: &str) -> Result<Url, AuthError> {
    let url = private(variable, text)?;
    if url.scheme() == "https" {
        Ok(url)
    } else {
        Err(AuthError::BadUrl {
            variable,
            why: "must start with https://",
        })
    }
}

/// Returns the URL that `variable` holds, if what is sent there cannot be overheard: it is https,
/// or this machine.
pub(super) fn private(variable: &'static str, text: &str) -> Result<Url, AuthError> {
    let bad = |why| AuthError::BadUrl { variable, why };
    let url = Url::parse(text.trim()).map_err(|_| bad("is not a URL"))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(bad("must be https: plain http is for this machine only")),
        _ => return Err(bad("must start with https://")),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(bad("must not hold a user or a password"));
    }
    Ok(url)
}

/// Returns whether the URL's host is this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host
        .trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(vars: &[(&str, &str)], cloud: Cloud) -> Result<Endpoint, String> {
        let env = |name: &str| {
            vars.iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Endpoint::new(&env, cloud).map_err(|error| error.to_string())
    }

    fn custom(url: &str) -> Result<String, String> {
        endpoint(&[("GUESTLIST_GRAPH_ENDPOINT", url)], Cloud::Global)
            .map(|found| found.graph_root.to_string())
    }

    #[test]
    fn every_cloud_has_its_own_root_scope_and_authority() {
        for cloud in Cloud::ALL {
            let found = endpoint(&[], cloud).unwrap();
            assert_eq!(found.scope, format!("{}/.default", cloud.graph_root()));
            assert_eq!(found.authority.as_str(), format!("{}/", cloud.authority()));
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_only() {
        for good in [
            "http://localhost:8080",
            "http://127.0.0.1:1/",
            "http://127.9.9.9",
            "http://[::1]:8080/",
        ] {
            assert!(custom(good).is_ok(), "{good}");
        }
        for bad in [
            "http://graph.example",
            "http://localhost.example",
            "http://128.0.0.1",
            "http://127.0.0.1.example",
        ] {
            assert!(custom(bad).unwrap_err().contains("must be https"), "{bad}");
        }
    }

    #[test]
    fn an_endpoint_is_a_root_and_nothing_else() {
        assert_eq!(
            custom("https://gateway.example/graph/").unwrap(),
            "https://gateway.example/graph"
        );
        for bad in [
            "ftp://a.example",
            "a.example",
            "https://u:p@a.example",
            "https://a.example/?x=1",
            "https://a.example/v1.0/",
        ] {
            assert!(custom(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_scope_is_the_clouds_unless_the_endpoint_is_a_graph_root() {
        let scope = |url, cloud| {
            endpoint(&[("GUESTLIST_GRAPH_ENDPOINT", url)], cloud)
                .unwrap()
                .scope
        };
        assert_eq!(
            scope("http://127.0.0.1:9", Cloud::UsGov),
            "https://graph.microsoft.us/.default"
        );
        assert_eq!(
            scope("https://dod-graph.microsoft.us/", Cloud::UsGov),
            "https://dod-graph.microsoft.us/.default"
        );
    }

    #[test]
    fn an_authority_without_tls_is_refused() {
        let refused = endpoint(
            &[("AZURE_AUTHORITY_HOST", "http://login.example")],
            Cloud::Global,
        );
        assert!(
            refused
                .unwrap_err()
                .starts_with("AZURE_AUTHORITY_HOST must be https")
        );
        let loopback = endpoint(
            &[("AZURE_AUTHORITY_HOST", "http://127.0.0.1/")],
            Cloud::Global,
        );
        assert_eq!(
            loopback.unwrap_err(),
            "AZURE_AUTHORITY_HOST must start with https://"
        );
    }
}
