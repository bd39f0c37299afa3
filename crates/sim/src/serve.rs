//! The world over loopback sockets, in real time, for the demo and the end-to-end tests. HTTP/1.1, no TLS.

use std::net::{Ipv4Addr, SocketAddr};

use http_body_util::{BodyExt as _, Limited};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::service::{Face, SimError, call};
use crate::world::World;

/// Larger request bodies are refused by closing the connection: this is a simulator, not a store.
const LARGEST_REQUEST: usize = 256 * 1024 * 1024;

/// A face of the world listening on loopback. Dropping it stops listening; answers on their way are finished.
#[derive(Debug)]
pub struct Served {
    /// Where it listens.
    pub addr: SocketAddr,
    _stop: watch::Sender<()>,
}

impl Served {
    /// `127.0.0.1:PORT`: the host part of image references.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

impl World {
    /// The GitHub face on a free loopback port, under `/` and under `/api/v3`. URLs in its answers use the host that the
    /// client used.
    pub async fn serve_github(&self) -> std::io::Result<Served> {
        self.serve(Face::Github, 0).await
    }

    /// As [`World::serve_github`], on this port.
    pub async fn serve_github_on(&self, port: u16) -> std::io::Result<Served> {
        self.serve(Face::Github, port).await
    }

    /// One registry of the world on a free loopback port; its address is then another name of that registry, here and in
    /// [`World::push`].
    pub async fn serve_registry(&self, host: &str) -> std::io::Result<Served> {
        self.serve_registry_on(host, 0).await
    }

    /// As [`World::serve_registry`], on this port.
    pub async fn serve_registry_on(&self, host: &str, port: u16) -> std::io::Result<Served> {
        let served = self.serve(Face::Registry(host.to_ascii_lowercase()), port).await?;
        self.with(|state, _| state.aliases.insert(served.host(), host.to_ascii_lowercase()));
        Ok(served)
    }

    async fn serve(&self, face: Face, port: u16) -> std::io::Result<Served> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let addr = listener.local_addr()?;
        let (stop, stopped) = watch::channel(());
        tokio::spawn(accept(self.clone(), face, listener, stopped));
        Ok(Served { addr, _stop: stop })
    }
}

async fn accept(world: World, face: Face, listener: TcpListener, mut stopped: watch::Receiver<()>) {
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    tokio::spawn(connection(world.clone(), face.clone(), stream, stopped.clone()));
                }
            }
            // Only ever an error: nothing is sent, the sender is dropped.
            _ = stopped.changed() => return,
        }
    }
}

async fn connection(world: World, face: Face, stream: TcpStream, mut stopped: watch::Receiver<()>) {
    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
        let (world, face) = (world.clone(), face.clone());
        async move {
            let (parts, body) = request.into_parts();
            let body = Limited::new(body, LARGEST_REQUEST).collect().await.map_err(|_| SimError::Reset)?.to_bytes();
            world.answered(call(http::Request::from_parts(parts, body), true), Some(face)).await
        }
    });
    // An error of the service closes the connection without an answer: that is how `Reset` looks from outside.
    let mut server = hyper::server::conn::http1::Builder::new();
    // Header names in the case that Go and GitHub write them, for people who read along and careless clients.
    server.title_case_headers(true);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            // What goes wrong on a connection is the client's to notice.
            let _ = connection.await;
        }
    }
}
