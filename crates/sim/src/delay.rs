//! A proxy on loopback through which everything comes late: what a network far away adds to each round trip.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

/// The most that is read at once.
const CHUNK: usize = 16 * 1024;

/// A delaying proxy. Dropping it stops listening; what is under way goes on.
#[derive(Debug)]
pub struct Delayed {
    /// Where it listens.
    pub addr: SocketAddr,
    _stop: watch::Sender<()>,
}

impl Delayed {
    /// Forwards connections to `to`: what a client sends `delay` late, what comes back at once. So each question and its
    /// answer take `delay` more; that a connection is opened does not, as nothing is forwarded then.
    pub async fn before(to: SocketAddr, delay: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let (stop, mut stopped) = watch::channel(());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        if let Ok((client, _)) = accepted {
                            tokio::spawn(forwarded(client, to, delay));
                        }
                    }
                    _ = stopped.changed() => return,
                }
            }
        });
        Ok(Self { addr, _stop: stop })
    }

    /// `127.0.0.1:PORT`.
    pub fn host(&self) -> String {
        self.addr.to_string()
    }
}

async fn forwarded(client: TcpStream, to: SocketAddr, delay: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect(to).await?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (queue, mut late) = mpsc::unbounded_channel::<(Instant, Bytes)>();
    let questions = async move {
        loop {
            let mut chunk = BytesMut::with_capacity(CHUNK);
            // A queue without a reader is that of a server which is gone: the answers end then too.
            if from_client.read_buf(&mut chunk).await? == 0
                || queue.send((Instant::now() + delay, chunk.freeze())).is_err()
            {
                return Ok(());
            }
        }
    };
    let asked = async {
        while let Some((at, chunk)) = late.recv().await {
            sleep_until(at).await;
            to_server.write_all(&chunk).await?;
        }
        to_server.shutdown().await
    };
    let answers = async {
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        to_client.shutdown().await
    };
    tokio::try_join!(questions, asked, answers).map(drop)
}
