//! TLS: the certificate and its key from two files, which may be renewed while the server runs.
//!
//! Invariant: a connection is never answered with a certificate that does not go with its key. What cannot be used is not taken:
//! at the start it is an error, and later the one before goes on, with a warning.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::config::Network;

/// How often the files are looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The first byte of a TLS connection: a record of the handshake (RFC 8446, section 5.1).
pub(super) const HANDSHAKE: u8 = 0x16;

/// Where the certificate and its key are, both in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that vouch for it.
    pub cert: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What encrypts connections.
pub(super) struct Tls {
    files: TlsFiles,
    acceptor: ArcSwap<Acceptor>,
}

/// A certificate with its key, and the files' content that it was read from.
struct Acceptor {
    read: Read,
    acceptor: TlsAcceptor,
}

#[derive(PartialEq, Eq)]
struct Read {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    /// What connections are encrypted with, if they are.
    ///
    /// # Errors
    /// They cannot be read, are not PEM, or do not go together: a sentence that names the file.
    pub(super) async fn of(network: &Network) -> anyhow::Result<Option<Arc<Self>>> {
        let Some(files) = network.tls.clone() else {
            return Ok(None);
        };
        let read = files.content().await;
        let acceptor = read.and_then(|read| Acceptor::of(read, &files));
        let acceptor = acceptor.context("TLS cannot be spoken")?;
        Ok(Some(Arc::new(Self {
            files,
            acceptor: ArcSwap::from_pointee(acceptor),
        })))
    }

    /// Shakes hands.
    pub(super) async fn accept(&self, stream: TcpStream) -> std::io::Result<TlsStream<TcpStream>> {
        let acceptor = self.acceptor.load().acceptor.clone();
        acceptor.accept(stream).await
    }

    /// Takes what the files hold from then on, whenever they change, until `stopping`.
    pub(super) async fn keep_fresh(self: Arc<Self>, stopping: CancellationToken) {
        let mut refused = None;
        loop {
            tokio::select! {
                () = stopping.cancelled() => return,
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
            let renewed = self.renew().await.err();
            let refusal = renewed.map(|error| format!("{error:#}"));
            // Said once for as long as it stays the same.
            if let Some(error) = refusal.as_ref().filter(|_| refusal != refused) {
                tracing::warn!(
                    error,
                    "the certificate cannot be renewed: the one before goes on"
                );
            }
            refused = refusal;
        }
    }

    async fn renew(&self) -> anyhow::Result<()> {
        let read = self.files.content().await?;
        if read != self.acceptor.load().read {
            let acceptor = Acceptor::of(read, &self.files)?;
            self.acceptor.store(Arc::new(acceptor));
            tracing::info!("the certificate was renewed");
        }
        Ok(())
    }
}

impl Acceptor {
    fn of(read: Read, files: &TlsFiles) -> anyhow::Result<Self> {
        let chain = CertificateDer::pem_slice_iter(&read.cert)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|chain| !chain.is_empty())
            .with_context(|| {
                format!(
                    "{} has no certificate: --tls-cert is a PEM file that begins with -----BEGIN CERTIFICATE-----, the server's own first",
                    files.cert.display()
                )
            })?;
        let key = PrivateKeyDer::from_pem_slice(&read.key).ok().with_context(|| {
            format!(
                "{} has no private key: --tls-key is a PEM file that begins with -----BEGIN PRIVATE KEY-----, and is not encrypted",
                files.key.display()
            )
        })?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .with_context(|| {
                format!(
                    "the key in {} is not that of the first certificate in {}",
                    files.key.display(),
                    files.cert.display()
                )
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            read,
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }
}

impl TlsFiles {
    async fn content(&self) -> anyhow::Result<Read> {
        let read = async |path: &PathBuf| {
            let content = tokio::fs::read(path).await;
            content.with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Read {
            cert: read(&self.cert).await?,
            key: read(&self.key).await?,
        })
    }
}
