//! Signs client assertions with a certificate's key. azure_identity would link OpenSSL for this;
//! the rest of the program uses aws-lc, so the forty lines of it that we need stand here.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_SHA256, RsaKeyPair};
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::AuthError;

/// How long an assertion may be used: Microsoft asks for 5 to 10 minutes at most.
const LIFETIME_SECONDS: i64 = 300;

/// An application's certificate with its private key.
pub(super) struct Certificate {
    key: RsaKeyPair,
    /// The certificate, then those that the file adds to it.
    chain: Vec<Vec<u8>>,
}

impl Certificate {
    /// Reads a PEM file that holds a certificate and its RSA key (PKCS#8 or PKCS#1).
    pub(super) fn read(path: &Path) -> Result<Self, AuthError> {
        let bad = |why: String| AuthError::Certificate {
            path: path.to_owned(),
            why,
        };
        let bytes = std::fs::read(path).map_err(|error| bad(error.to_string()))?;
        Self::parse(&bytes).map_err(|why| bad(why.to_owned()))
    }

    fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        // PKCS#12 is binary DER: a SEQUENCE comes first.
        if bytes.first() == Some(&0x30) {
            return Err("is not PEM: turn PKCS#12 into PEM with `openssl pkcs12 -nodes`");
        }
        let text = std::str::from_utf8(bytes).map_err(|_| "is not PEM")?;
        let mut key = None;
        let mut chain = Vec::new();
        for (label, body) in sections(text)? {
            match label {
                "CERTIFICATE" => chain.push(body),
                "PRIVATE KEY" => {
                    key = Some(
                        RsaKeyPair::from_pkcs8(&body).map_err(|_| "holds a key that is not RSA")?,
                    );
                }
                "RSA PRIVATE KEY" => {
                    key = Some(
                        RsaKeyPair::from_der(&body)
                            .map_err(|_| "holds an RSA key that cannot be read")?,
                    );
                }
                "EC PRIVATE KEY" => {
                    return Err("holds a key that is not RSA; Entra takes only RSA");
                }
                _ => {}
            }
        }
        let key = key.ok_or("holds no private key")?;
        // A certificate repeats the public key byte for byte, so the right one is found without
        // taking X.509 apart. It leads the chain wherever it stands in the file.
        let public = key.public_key().as_ref();
        let holds_key = |der: &Vec<u8>| der.windows(public.len()).any(|window| window == public);
        let leaf = chain
            .iter()
            .position(holds_key)
            .ok_or("holds no certificate of its private key")?;
        chain[..=leaf].rotate_right(1);
        Ok(Self { key, chain })
    }

    /// Returns a signed assertion that `client` is who asks `audience` for a token.
    ///
    /// PS256 and the SHA-256 thumbprint are what Microsoft asks for.
    /// Source: "Application authentication certificate credentials", identity platform.
    fn assertion(
        &self,
        client: &str,
        audience: &str,
        now: Timestamp,
        with_chain: bool,
    ) -> Result<String, &'static str> {
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &self.chain[0]));
        let mut header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint });
        if with_chain {
            // Trust by issuer and subject needs the chain; x5c is plain base64 (RFC 7515, 4.1.6).
            header["x5c"] = self
                .chain
                .iter()
                .map(|der| Value::from(STANDARD.encode(der)))
                .collect();
        }
        let now = now.as_second();
        let claims = json!({
            "aud": audience,
            "iss": client,
            "sub": client,
            "jti": uuid::Uuid::new_v4().to_string(),
            "nbf": now,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
        });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(
                &RSA_PSS_SHA256,
                &SystemRandom::new(),
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| "holds a key that cannot sign")?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// Returns the label and the bytes of every section of a PEM file (RFC 7468).
fn sections(text: &str) -> Result<Vec<(&str, Vec<u8>)>, &'static str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("-----BEGIN ") {
        let (label, after) = after.split_once("-----").ok_or("is cut off")?;
        let (body, after) = after.split_once("-----END ").ok_or("is cut off")?;
        if label.contains("ENCRYPTED") || body.contains("ENCRYPTED") {
            return Err(
                "holds an encrypted key: give a file without password, readable by this job only",
            );
        }
        let body: String = body.split_whitespace().collect();
        found.push((label, STANDARD.decode(body).map_err(|_| "is not PEM")?));
        rest = after;
    }
    if found.is_empty() {
        Err("is not PEM")
    } else {
        Ok(found)
    }
}

/// What azure_identity asks for an assertion whenever it needs a token.
pub(super) struct Signer {
    pub(super) certificate: Certificate,
    pub(super) path: PathBuf,
    pub(super) client: String,
    pub(super) audience: String,
    pub(super) with_chain: bool,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

#[async_trait::async_trait]
impl ClientAssertion for Signer {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.certificate
            .assertion(
                &self.client,
                &self.audience,
                Timestamp::now(),
                self.with_chain,
            )
            .map_err(|why| {
                azure_core::Error::with_message(
                    ErrorKind::Credential,
                    format!("{} {why}", self.path.display()),
                )
            })
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};

    use super::*;

    fn pem(label: &str, der: &[u8]) -> String {
        format!(
            "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
            STANDARD.encode(der)
        )
    }

    /// A key, and something that holds its public half as a certificate does.
    fn identity() -> (String, Vec<u8>) {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<Pkcs8V1Der>::as_der(&key).unwrap();
        (
            pem("PRIVATE KEY", der.as_ref()),
            [b"head", key.public_key().as_ref(), b"tail"].concat(),
        )
    }

    fn part(assertion: &str, index: usize) -> Value {
        let bytes = URL_SAFE_NO_PAD
            .decode(assertion.split('.').nth(index).unwrap())
            .unwrap();
        serde_json::from_slice(&bytes).unwrap()
    }

    #[test]
    fn an_assertion_can_be_verified_with_the_public_key() {
        let (key, der) = identity();
        let file = format!(
            "{}{key}{}",
            pem("CERTIFICATE", b"an issuer"),
            pem("CERTIFICATE", &der)
        );
        let certificate = Certificate::parse(file.as_bytes()).unwrap();
        let now: Timestamp = "2026-11-03T09:00:00Z".parse().unwrap();
        let assertion = certificate
            .assertion(
                "app",
                "https://login.example/t/oauth2/v2.0/token",
                now,
                true,
            )
            .unwrap();

        let (signed, signature) = assertion.rsplit_once('.').unwrap();
        UnparsedPublicKey::new(
            &RSA_PSS_2048_8192_SHA256,
            certificate.key.public_key().as_ref(),
        )
        .verify(
            signed.as_bytes(),
            &URL_SAFE_NO_PAD.decode(signature).unwrap(),
        )
        .unwrap();
        let (header, claims) = (part(&assertion, 0), part(&assertion, 1));
        assert_eq!(header["alg"], "PS256");
        assert_eq!(
            header["x5c"],
            json!([STANDARD.encode(&der), STANDARD.encode(b"an issuer")])
        );
        assert_eq!(
            header["x5t#S256"],
            URL_SAFE_NO_PAD.encode(digest(&SHA256, &der))
        );
        assert_eq!(
            (&claims["iss"], &claims["sub"]),
            (&json!("app"), &json!("app"))
        );
        assert_eq!(claims["exp"].as_i64(), Some(now.as_second() + 300));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        let (key, der) = identity();
        let certificate = pem("CERTIFICATE", &der);
        let other = pem("CERTIFICATE", b"somebody else");
        for (file, why) in [
            (b"\x30\x82\x01".to_vec(), "PKCS#12"),
            (b"hello".to_vec(), "is not PEM"),
            (certificate.clone().into_bytes(), "holds no private key"),
            (
                format!("{key}{other}").into_bytes(),
                "holds no certificate of its private key",
            ),
            (
                format!("{certificate}{}", pem("ENCRYPTED PRIVATE KEY", b"x")).into_bytes(),
                "encrypted",
            ),
            (
                format!("{certificate}{}", pem("EC PRIVATE KEY", b"x")).into_bytes(),
                "not RSA",
            ),
            (key.as_bytes()[..200].to_vec(), "cut off"),
        ] {
            let error = Certificate::parse(&file).err().unwrap();
            assert!(error.contains(why), "{error}");
        }
    }
}
