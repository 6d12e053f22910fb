//! Whose certificates are believed.

use rustls::CertificateError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use std::sync::{Arc, OnceLock};

/// Certificates of authorities that vouch for servers besides those that this machine trusts: those of a company's own.
#[derive(Clone, Debug, Default)]
pub struct Authorities(Vec<CertificateDer<'static>>);

/// Authorities that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum AuthoritiesError {
    /// The text is no PEM.
    #[error("this is no PEM file of certificates: {0}")]
    NotPem(String),
    /// It has no certificate.
    #[error("there is no certificate in it: a PEM file has lines such as \"-----BEGIN CERTIFICATE-----\"")]
    Empty,
    /// One of its certificates cannot be an authority's.
    #[error("certificate {number} of it cannot be used: {why}")]
    Unusable {
        /// Which, from 1.
        number: usize,
        /// Why.
        why: String,
    },
}

impl Authorities {
    /// Reads the certificates of a PEM file.
    ///
    /// # Errors
    /// When it is no PEM, has no certificates, or one that cannot be used.
    pub fn from_pem(text: &[u8]) -> Result<Self, AuthoritiesError> {
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
        let certificates = read.map_err(|error| AuthoritiesError::NotPem(error.to_string()))?;
        if certificates.is_empty() {
            return Err(AuthoritiesError::Empty);
        }
        let mut roots = rustls::RootCertStore::empty();
        for (index, certificate) in certificates.iter().enumerate() {
            let unusable = |error: rustls::Error| AuthoritiesError::Unusable { number: index + 1, why: error.to_string() };
            roots.add(certificate.clone()).map_err(unusable)?;
        }
        Ok(Self(certificates))
    }

    /// These and others.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }
}

/// What is believed of servers. The machine's own certificates are read when the first request needs them.
#[derive(Debug, Default)]
pub(crate) struct Trust {
    authorities: Authorities,
    config: OnceLock<Arc<rustls::ClientConfig>>,
}

impl Trust {
    /// That of the machine alone.
    pub(crate) fn of_machine() -> Arc<Self> {
        static MACHINE: OnceLock<Arc<Trust>> = OnceLock::new();
        Arc::clone(MACHINE.get_or_init(Arc::default))
    }

    /// That of the machine, and these authorities.
    pub(crate) fn with(authorities: Authorities) -> Self {
        Self { authorities, config: OnceLock::new() }
    }

    pub(super) fn config(&self) -> Arc<rustls::ClientConfig> {
        let config = self.config.get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            for error in &found.errors {
                tracing::warn!(error = error as &dyn std::error::Error, "some of this machine's certificates cannot be read");
            }
            let mut roots = rustls::RootCertStore::empty();
            let (trusted, _) = roots.add_parsable_certificates(found.certs);
            let (more, _) = roots.add_parsable_certificates(self.authorities.0.iter().cloned());
            if trusted + more == 0 {
                tracing::warn!(
                    "this machine trusts no certificates: tasks cannot send requests by https; install ca-certificates"
                );
            }
            Arc::new(client(roots))
        });
        Arc::clone(config)
    }
}

fn client(roots: rustls::RootCertStore) -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider);
    // Both versions are among those that ring offers.
    let builder = builder.with_protocol_versions(rustls::DEFAULT_VERSIONS).unwrap_or_else(|_| unreachable!());
    builder.with_root_certificates(roots).with_no_client_auth()
}

/// What is wrong with a server's certificate, in words.
pub(super) fn complaint(name: &str, error: &CertificateError) -> String {
    let why = match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "it has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet; are the clocks right?".to_owned()
        }
        CertificateError::NotValidForName => "it is for another name".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            "it is for no name at all".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!("it is for {}", presented.join(", ")),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => {
            "nobody whom this worker trusts vouches for it; an administrator can name the \
                                            certificate of a private authority in `worker.extra_ca`"
                .to_owned()
        }
        CertificateError::Revoked => "it was revoked".to_owned(),
        other => other.to_string(),
    };
    format!("the certificate of {name} is refused: {why}")
}
