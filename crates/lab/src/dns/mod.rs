//! The lab's DNS, on the wire: authoritative servers whose failover record follows the health check, and a caching resolver in front of
//! them, as a corporate resolver would be.

mod authoritative;
mod resolver;
mod zone;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Edns, Header, HeaderCounts, LowerQuery, Message, MessageType, Metadata, OpCode, ResponseCode};
use hickory_proto::rr::{DNSClass, Record};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use tokio::task::JoinSet;

use gameday_protocols::net::{self, TcpListener, UdpSocket};

pub(crate) use authoritative::{Authoritative, Views};
pub(crate) use resolver::Resolver;
pub(crate) use zone::{HOSTED_ZONE_ID, RecordSet, Zone};

/// An idle TCP connection of a DNS client is closed after this; real time.
const IDLE: Duration = Duration::from_secs(10);
/// Answers that may wait on one TCP connection.
const ANSWERS_IN_FLIGHT: usize = 32;
/// The largest UDP message we take (DNS flag day 2020: 1232 bytes).
const UDP_PAYLOAD_BYTES: u16 = 1232;

/// What a DNS server says to one question.
#[derive(Debug, Clone, Default)]
pub(crate) struct Answer {
    /// The response code.
    pub code: ResponseCode,
    /// The answer section.
    pub answers: Vec<Record>,
    /// The zone's SOA, where the name or type is not there.
    pub soa: Vec<Record>,
}

impl Answer {
    /// No records, just a code.
    pub(crate) fn code(code: ResponseCode) -> Self {
        Self { code, ..Self::default() }
    }
}

/// One that answers questions.
pub(crate) trait Answerer: Send + Sync + 'static {
    /// Whether its answers carry AA.
    const AUTHORITATIVE: bool;

    /// Answers one question.
    fn answer(&self, query: &LowerQuery) -> impl Future<Output = Answer> + Send;
}

/// Answers as long as it lives.
pub(crate) struct Serving<A: Answerer> {
    _system: Server<Handler<A>>,
    /// The DNS library's server knows the system's sockets alone.
    _simulated: JoinSet<()>,
}

/// Serves an answerer over UDP and TCP; on a simulated network over UDP alone. Dropped, it stops.
pub(crate) fn serve<A: Answerer>(answerer: &Arc<A>, sockets: Vec<(UdpSocket, TcpListener)>) -> Serving<A> {
    let mut system = Server::new(Handler(Arc::clone(answerer)));
    let mut simulated = JoinSet::new();
    for (udp, tcp) in sockets {
        match udp.into_system() {
            Ok(udp) => system.register_socket(udp),
            Err(udp) => drop(simulated.spawn(answer_datagrams(Arc::clone(answerer), udp))),
        }
        if let Ok(tcp) = tcp.into_system() {
            system.register_listener(tcp, IDLE, ANSWERS_IN_FLIGHT);
        }
    }
    Serving { _system: system, _simulated: simulated }
}

async fn answer_datagrams<A: Answerer>(answerer: Arc<A>, socket: UdpSocket) {
    let socket = Arc::new(socket);
    let mut answering = JoinSet::new();
    let mut buffer = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        while answering.try_join_next().is_some() {}
        let Ok(question) = Message::from_vec(&buffer[..length]) else { continue };
        let (answerer, socket) = (Arc::clone(&answerer), Arc::clone(&socket));
        answering.spawn(async move {
            let Ok(reply) = reply_to(&*answerer, question).await.to_vec() else { return };
            // A datagram is never sure to arrive.
            let _ = socket.send_to(&reply, from).await;
        });
    }
}

/// What a server that answers from `answerer` sends back.
async fn reply_to<A: Answerer>(answerer: &A, mut question: Message) -> Message {
    let queries: Vec<LowerQuery> = question.queries.iter().cloned().map(LowerQuery::from).collect();
    let answer = answer(answerer, question.metadata.op_code, &queries).await;
    question.metadata = head::<A>(&question.metadata, answer.code);
    question.edns = question.edns.map(|_| edns());
    (question.answers, question.authorities, question.additionals) = (answer.answers, answer.soa, Vec::new());
    question
}

/// What is answered to a message with these questions.
async fn answer<A: Answerer>(answerer: &A, op_code: OpCode, queries: &[LowerQuery]) -> Answer {
    match queries {
        _ if op_code != OpCode::Query => Answer::code(ResponseCode::NotImp),
        [query] if query.query_class() == DNSClass::IN => answerer.answer(query).await,
        [_] => Answer::code(ResponseCode::Refused),
        _ => Answer::code(ResponseCode::FormErr),
    }
}

/// The head of that answer.
fn head<A: Answerer>(question: &Metadata, code: ResponseCode) -> Metadata {
    let mut head = Metadata::response_from_request(question);
    head.authoritative = A::AUTHORITATIVE && code != ResponseCode::Refused;
    head.recursion_available = !A::AUTHORITATIVE;
    head.response_code = code;
    head
}

fn edns() -> Edns {
    let mut edns = Edns::new();
    edns.set_max_payload(UDP_PAYLOAD_BYTES);
    edns
}

/// Joins an answerer to the DNS library's server.
pub(crate) struct Handler<A>(Arc<A>);

impl<A: Answerer> Handler<A> {
    async fn handle(&self, request: &Request, mut response: impl ResponseHandler) -> ResponseInfo {
        let answer = answer(&*self.0, request.metadata.op_code, request.queries.queries()).await;
        let metadata = head::<A>(&request.metadata, answer.code);
        let edns = request.edns.as_ref().map(|_| edns());
        let builder = MessageResponseBuilder::new(&request.queries, edns.as_ref());
        let message = builder.build(metadata, &answer.answers, [], &answer.soa, []);
        match response.send_response(message).await {
            Ok(info) => info,
            Err(error) => {
                tracing::warn!(%error, "DNS answer");
                let mut metadata = Metadata::new(request.metadata.id, MessageType::Response, OpCode::Query);
                metadata.response_code = ResponseCode::ServFail;
                ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
            }
        }
    }
}

// Written out because the library's trait comes from a macro that this package does not use.
impl<A: Answerer> RequestHandler for Handler<A> {
    fn handle_request<'a, 'b, 'f, R, T>(
        &'a self,
        request: &'b Request,
        response_handle: R,
    ) -> Pin<Box<dyn Future<Output = ResponseInfo> + Send + 'f>>
    where
        R: ResponseHandler + 'f,
        T: Time + 'f,
        'a: 'f,
        'b: 'f,
        Self: 'f,
    {
        Box::pin(self.handle(request, response_handle))
    }
}

/// Turns records so that clients which take the first address spread over all of them, as real servers do.
fn rotate(records: &mut [Record], turn: usize) {
    let count = records.len().max(1);
    records.rotate_left(turn % count);
}

/// Binds UDP and TCP at one address.
///
/// # Errors
/// What the system says.
pub(crate) async fn bind(at: SocketAddr) -> std::io::Result<(UdpSocket, TcpListener)> {
    let tcp = net::listen(at, 128)?;
    let udp = net::bind_udp(at).await?;
    Ok((udp, tcp))
}
