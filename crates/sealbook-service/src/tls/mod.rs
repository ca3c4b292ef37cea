//! TLS: certificate and key from files, client certificates checked against the bundle of their trust domain.

mod follow;
mod load;
mod svid;
mod verify;

use std::path::PathBuf;

pub(crate) use follow::{Tls, failed, follow};
pub use load::{TlsError, check_tls};
pub use svid::{SpiffeId, SvidError};
pub(crate) use svid::{Svid, is_domain};

/// Where the files are, and what is asked of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The service's certificate and those that lead to its authority, in PEM.
    pub certificate: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
    /// Whose client certificates are taken; none asks for none.
    pub clients: Vec<ClientTrust>,
    /// A client without a certificate is turned away before it can show a token.
    pub require_client_certificate: bool,
    /// TLS 1.3 only.
    pub only_tls13: bool,
}

/// A trust domain and the certificates of its authorities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTrust {
    /// Trust domain, such as `prod.example`.
    pub domain: String,
    /// Its bundle, in PEM.
    pub bundle: PathBuf,
}
