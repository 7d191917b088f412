//! A connection, plain or encrypted, that counts for as long as it is open, also when it has become a WebSocket.

use std::io::{IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::server::TlsStream;

use super::shares::Share;

/// With which bytes HTTP/2 begins (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What lets a connection be open: it is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    /// That there are not too many.
    pub(super) _open: OwnedSemaphorePermit,
    /// That not too many are from the same address.
    pub(super) _share: Share,
}

/// A connection, and its permit to be open.
#[derive(Debug)]
pub(super) struct Stream {
    wire: Wire,
    /// What was read to find out which protocol is spoken, and was not read again yet.
    begun: Vec<u8>,
    _permit: Permit,
}

/// What the bytes go through.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

/// Which protocol is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

impl Stream {
    pub(super) fn new(wire: Wire, permit: Permit) -> Self {
        Self {
            wire,
            begun: Vec::new(),
            _permit: permit,
        }
    }

    /// Waits until it is clear which protocol is spoken. None: it has ended before that.
    pub(super) async fn begin(&mut self) -> Option<Protocol> {
        let mut begun = Vec::with_capacity(PREFACE.len());
        while begun.len() < PREFACE.len() && PREFACE.starts_with(&begun) {
            let mut some = [0; PREFACE.len()];
            let most = PREFACE.len() - begun.len();
            match self.read(&mut some[..most]).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => begun.extend_from_slice(&some[..read]),
            }
        }
        let protocol = if begun == PREFACE {
            Protocol::Http2
        } else {
            Protocol::Http1
        };
        self.begun = begun;
        Some(protocol)
    }

    fn wire(self: Pin<&mut Self>) -> Pin<&mut Wire> {
        Pin::new(&mut self.get_mut().wire)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        if self.begun.is_empty() {
            return self.wire().poll_read(cx, buf);
        }
        let most = self.begun.len().min(buf.remaining());
        buf.put_slice(&self.begun[..most]);
        if most == self.begun.len() {
            self.begun = Vec::new();
        } else {
            self.begun.drain(..most);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        self.wire().poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.wire().poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.wire().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.wire().poll_shutdown(cx)
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Encrypted(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
