//! One connection with an activated session: requests go in, answers come out.
//!
//! The library's own session is not used: it sends no publish request after a
//! reconnect, never asks for lost messages and signs a reactivation with the
//! wrong nonce (docs/library-notes.md). What is used of it is the secure
//! channel and the messages. A connection is disposable; what outlives it is
//! a [`Ticket`] with which the same session can be taken up again.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use forehearth_driver::BoxFuture;
use opcua::client::services::{ActivateSession, CreateSession};
use opcua::client::transport::{
    Connector, RequestRecv, SecureChannelEventLoop, SecureChannelState, TransportConfiguration,
    TransportPollResult,
};
use opcua::client::{AsyncSecureChannel, IdentityToken, SessionRetryPolicy, UARequest};
use opcua::core::{RequestMessage, ResponseMessage};
use opcua::crypto::CertificateStore;
use opcua::sync::RwLock;
use opcua::types::custom::{DataTypeTree, DynamicTypeLoader};
use opcua::types::{
    ApplicationDescription, ApplicationType, ByteString, ChannelSecurityToken, CloseSessionRequest,
    ContextOwned, DateTime, DecodingOptions, EndpointDescription, Error, GetEndpointsRequest,
    LocalizedText, NamespaceMap, NodeId, RequestHeader, StatusCode,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::fault::Fault;
use crate::security::{self, Security};
use crate::settings::{Settings, User};
use crate::token::TokenAge;
use crate::wire::{CHUNK, Called, Calling, Wire};

/// How long a server is asked to keep a session nobody uses, in ms. Chosen:
/// twice the outage a server is asked to keep values for by default.
const SESSION_TIMEOUT: f64 = 120_000.0;

/// Largest message taken, in bytes. Chosen: 1,000 values of 4 KiB, four times
/// over; bounds what a lying server can make us keep.
pub(crate) const LARGEST_MESSAGE: usize = 16 << 20;
/// Longest text or byte string in a value.
const LONGEST_TEXT: usize = 1 << 20;
/// Longest array; a notification for every item of a large subscription
/// comes as one.
const LONGEST_ARRAY: usize = 100_000;

/// How long a server is waited for that calls us. Chosen: OPC 10000-6, 7.1.3
/// leaves it to servers how often they try; those seen do every few seconds.
const REVERSE_PATIENCE: Duration = Duration::from_secs(30);

/// What is needed to take up the same session over a new connection.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    pub(crate) endpoint: EndpointDescription,
    token: NodeId,
    nonce: ByteString,
}

/// An activated session on an open connection. Dropping it closes the connection.
pub(crate) struct Session {
    channel: Arc<AsyncSecureChannel>,
    /// What its messages are decoded with.
    context: Arc<RwLock<ContextOwned>>,
    token: NodeId,
    timeout: Duration,
    closed: watch::Receiver<Option<StatusCode>>,
    pump: JoinHandle<()>,
    state: Arc<SecureChannelState>,
    age: Mutex<TokenAge>,
}

impl Session {
    /// Takes up the session of `ticket`.
    ///
    /// Cancel safe: a dropped future closes the connection.
    ///
    /// # Errors
    /// [`Fault`]; whether the server is there at all decides [`Fault::is_absent`].
    pub(crate) async fn resume(settings: &Settings, ticket: &mut Ticket) -> Result<Self, Fault> {
        let store = store(settings, None)?;
        let opening = Self::open(settings, &ticket.endpoint, store).await?;
        opening.channel.set_auth_token(ticket.token.clone());
        // The new channel's nonce took the place of the session's, over which
        // the activation must be signed (OPC 10000-4, 5.7.3.2).
        let mut session = opening;
        session.state.secure_channel().write().set_remote_nonce_from_byte_string(&ticket.nonce)?;
        session.token = ticket.token.clone();
        session.activate(settings, ticket).await?;
        Ok(session)
    }

    /// Finds the endpoint, checks the server's certificate and creates a session.
    ///
    /// Cancel safe: a dropped future closes the connection.
    ///
    /// # Errors
    /// [`Fault`] with what the server or our own map refuses.
    pub(crate) async fn create(settings: &Settings, url: &str) -> Result<(Self, Ticket), Fault> {
        let offered = endpoints(settings, url).await?;
        let mut endpoint = security::choose(&offered, settings.security, &settings.user)
            .map_err(|refusal| Fault::Refused(refusal.to_string()))?;
        // Servers name themselves as they know themselves; we go on talking
        // to the address that works.
        endpoint.endpoint_url = url.into();
        let store = store(settings, Some(&endpoint))?;
        let mut session = Self::open(settings, &endpoint, Arc::clone(&store)).await?;
        let mut request = CreateSession::new_manual(
            &store,
            &endpoint,
            0,
            settings.timeout,
            NodeId::null(),
            session.channel.request_handle(),
        )
        .client_description(description(settings))
        .endpoint_url(url)
        .session_name(format!("forehearth {}", settings.name))
        .session_timeout(SESSION_TIMEOUT);
        if let Some(identity) = identity(settings)? {
            request = request.client_certificate(identity.certificate.clone());
        }
        let created = session.within(request.send(&session.channel)).await?;
        let mut ticket = Ticket {
            endpoint: endpoint.clone(),
            token: created.authentication_token,
            nonce: created.server_nonce,
        };
        session.token = ticket.token.clone();
        session.activate(settings, &mut ticket).await?;
        Ok((session, ticket))
    }

    async fn activate(&mut self, settings: &Settings, ticket: &mut Ticket) -> Result<(), Fault> {
        let mut request = ActivateSession::new_manual(
            ticket.endpoint.clone(),
            0,
            settings.timeout,
            ticket.token.clone(),
            self.channel.request_handle(),
        )
        .identity_token(identity_token(&settings.user)?);
        if let Some(identity) = identity(settings)? {
            request = request.private_key(identity.key.clone());
        }
        let activated = self.within(request.send(&self.channel)).await?;
        ticket.nonce = activated.server_nonce;
        Ok(())
    }

    /// The header of a request that waits for `patience`.
    pub(crate) fn header(&self, patience: Duration) -> RequestHeader {
        RequestHeader {
            authentication_token: self.token.clone(),
            timestamp: DateTime::now(),
            request_handle: self.channel.request_handle(),
            timeout_hint: u32::try_from(patience.as_millis()).unwrap_or(u32::MAX),
            ..Default::default()
        }
    }

    /// Sends one request and waits for its answer, at most the link's timeout.
    ///
    /// Cancel safe: a late answer is dropped.
    ///
    /// # Errors
    /// [`Fault`]; a service result that is Bad is one.
    pub(crate) async fn ask(
        &self,
        request: impl Into<RequestMessage>,
    ) -> Result<ResponseMessage, Fault> {
        self.tell_token_age();
        // Ours ends first, so that it can be told from what the server says.
        let answer = self.within(self.channel.send(request, self.timeout * 2)).await?;
        checked(answer)
    }

    /// A request whose answer may take `patience`, as a future of its own.
    pub(crate) fn ask_later(
        &self,
        request: impl Into<RequestMessage>,
        patience: Duration,
    ) -> BoxFuture<'static, Result<ResponseMessage, Fault>> {
        self.tell_token_age();
        let request = request.into();
        let channel = Arc::clone(&self.channel);
        Box::pin(async move { checked(channel.send(request, patience).await?) })
    }

    /// The library decides before each request whether the token is to be
    /// renewed; this is what it decides by.
    fn tell_token_age(&self) {
        let mut channel = self.state.secure_channel().write();
        let token_id = channel.token_id();
        let now = tokio::time::Instant::now().into_std();
        let mut age = self.age.lock().unwrap_or_else(PoisonError::into_inner);
        let token = ChannelSecurityToken {
            channel_id: channel.secure_channel_id(),
            token_id,
            created_at: age.made(token_id, now, DateTime::now()),
            revised_lifetime: channel.token_lifetime(),
        };
        channel.set_security_token(token);
    }

    /// Structures of `types` are understood from now on.
    pub(crate) fn learn(&self, types: DataTypeTree) {
        let loader = DynamicTypeLoader::new(Arc::new(types));
        self.context.write().loaders_mut().add_type_loader(loader);
    }

    /// How long an answer may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Ends when the connection does.
    ///
    /// Cancel safe.
    pub(crate) async fn closed(&mut self) -> Fault {
        let code = match self.closed.wait_for(Option::is_some).await {
            Ok(code) => code.unwrap_or(StatusCode::BadConnectionClosed),
            Err(_) => StatusCode::BadConnectionClosed,
        };
        Fault::Lost(code.to_string())
    }

    /// Says goodbye: the server forgets session and subscriptions at once.
    pub(crate) async fn close(self) {
        let goodbye = CloseSessionRequest {
            request_header: self.header(self.timeout),
            delete_subscriptions: true,
        };
        let _ = timeout(self.timeout, async {
            let _ = self.ask(goodbye).await;
            self.channel.close_channel().await;
        })
        .await;
    }

    async fn within<T, E: Into<Fault>>(
        &self,
        answer: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Fault> {
        within(self.timeout, answer).await
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.pump.abort();
    }
}

async fn within<T, E: Into<Fault>>(
    patience: Duration,
    answer: impl Future<Output = Result<T, E>>,
) -> Result<T, Fault> {
    match timeout(patience, answer).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(Fault::Silent),
    }
}

fn checked(answer: ResponseMessage) -> Result<ResponseMessage, Fault> {
    let code = answer.response_header().service_result;
    if code.is_bad() {
        return Err(Fault::Service(code));
    }
    Ok(answer)
}

impl Session {
    /// Opens a secure channel; no session goes with it yet.
    async fn open(
        settings: &Settings,
        endpoint: &EndpointDescription,
        store: Arc<RwLock<CertificateStore>>,
    ) -> Result<Self, Fault> {
        let context = ContextOwned::new_default(NamespaceMap::new(), decoding());
        let context = Arc::new(RwLock::new(context));
        let channel = Arc::new(AsyncSecureChannel::new(
            store,
            endpoint.clone().into(),
            SessionRetryPolicy::never(),
            false,
            Arc::default(),
            TransportConfiguration {
                send_buffer_size: CHUNK,
                recv_buffer_size: CHUNK,
                max_message_size: LARGEST_MESSAGE,
                max_chunk_count: LARGEST_MESSAGE / CHUNK,
            },
            u32::try_from(settings.token_lifetime.as_millis()).unwrap_or(u32::MAX),
            Arc::clone(&context),
        ));
        let url = endpoint.endpoint_url.as_ref();
        let (mut events, state) = match settings.reverse {
            None => dial(&channel, settings.timeout, Calling { url: url.to_owned() }).await?,
            Some(listen) => {
                let inner = Called { listen, endpoint: endpoint.clone() };
                dial(&channel, REVERSE_PATIENCE, inner).await?
            }
        };
        let (told, closed) = watch::channel(None);
        let pump = tokio::spawn(async move {
            let code = loop {
                if let TransportPollResult::Closed(code) = events.poll().await {
                    break code;
                }
            };
            let _ = told.send(Some(code));
        });
        let token = NodeId::null();
        let (timeout, age) = (settings.timeout, Mutex::default());
        Ok(Self { channel, context, token, timeout, closed, pump, state, age })
    }
}

/// Opens the channel over what `inner` connects.
async fn dial<C: Connector<Transport = Wire> + Send + Sync>(
    channel: &AsyncSecureChannel,
    patience: Duration,
    inner: C,
) -> Result<(SecureChannelEventLoop<Wire>, Arc<SecureChannelState>), Fault> {
    let tap = Tap { inner, state: Mutex::new(None) };
    let events = within(patience, channel.connect_no_retry(&tap)).await.map_err(Fault::absent)?;
    let state = tap
        .state
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner)
        .ok_or_else(|| Fault::Lost("the connector was not used".to_owned()))?;
    Ok((events, state))
}

/// A connector of the library, with an ear on the state it is given.
struct Tap<C> {
    inner: C,
    state: Mutex<Option<Arc<SecureChannelState>>>,
}

impl<C: Connector<Transport = Wire> + Send + Sync> Connector for Tap<C> {
    type Transport = Wire;

    async fn connect(
        &self,
        channel: Arc<SecureChannelState>,
        outgoing: RequestRecv,
        config: TransportConfiguration,
    ) -> Result<Wire, Error> {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&channel));
        self.inner.connect(channel, outgoing, config).await
    }

    fn default_endpoint(&self) -> EndpointDescription {
        self.inner.default_endpoint()
    }
}

/// What the server offers, asked over a connection of its own.
pub(crate) async fn endpoints(
    settings: &Settings,
    url: &str,
) -> Result<Vec<EndpointDescription>, Fault> {
    let plain = EndpointDescription {
        security_policy_uri: Security::None.policy().to_uri().into(),
        security_mode: Security::None.mode(),
        ..EndpointDescription::from(url)
    };
    let folder = std::env::temp_dir();
    let store = Arc::new(RwLock::new(CertificateStore::new(&folder)));
    let session = Session::open(settings, &plain, store).await?;
    let request = GetEndpointsRequest {
        request_header: session.header(settings.timeout),
        endpoint_url: url.into(),
        ..Default::default()
    };
    let answer = session.ask(request).await?;
    session.channel.close_channel().await;
    match answer {
        ResponseMessage::GetEndpoints(answer) => Ok(answer.endpoints.unwrap_or_default()),
        _ => Err(Fault::Nonsense("GetEndpoints")),
    }
}

fn identity(settings: &Settings) -> Result<Option<&crate::identity::Identity>, Fault> {
    match (settings.security, &settings.identity) {
        (Security::None, _) => Ok(None),
        (Security::Secured(..), Some(identity)) => Ok(Some(identity)),
        (Security::Secured(..), None) => {
            Err(Fault::Refused("security needs the gateway's own certificate".to_owned()))
        }
    }
}

/// The library's view of certificates: our own, and the one server that our
/// own check has just believed. `None` as endpoint: it was checked before.
fn store(
    settings: &Settings,
    endpoint: Option<&EndpointDescription>,
) -> Result<Arc<RwLock<CertificateStore>>, Fault> {
    let Some(identity) = identity(settings)? else {
        return Ok(Arc::new(RwLock::new(CertificateStore::new(&std::env::temp_dir()))));
    };
    let refused = |reason: String| Fault::Refused(reason);
    let folder = identity.folder.join(&settings.name);
    let (own, key) = (identity.certificate_file(), identity.folder.join("own-key.pem"));
    let (mut store, ..) = CertificateStore::new_with_x509_data::<opcua::crypto::X509Data>(
        &folder,
        false,
        Some(own.as_path()),
        Some(key.as_path()),
        None,
    );
    store.set_skip_verify_certs(true); // time and application were checked by `Trust`
    if let Some(endpoint) = endpoint {
        let server = settings
            .trust
            .check(
                &endpoint.server_certificate,
                endpoint.server.application_uri.as_ref(),
                &DateTime::now(),
            )
            .map_err(|distrust| refused(distrust.to_string()))?;
        let trusted = store.trusted_certs_dir();
        let file = trusted.join(CertificateStore::cert_file_name(&server));
        let der = server.to_der().map_err(|_| refused("unreadable certificate".to_owned()))?;
        std::fs::create_dir_all(&trusted)
            .and_then(|()| std::fs::write(&file, der))
            .map_err(|reason| refused(format!("cannot write {}: {reason}", file.display())))?;
    }
    Ok(Arc::new(RwLock::new(store)))
}

fn identity_token(user: &User) -> Result<IdentityToken, Fault> {
    match user {
        User::Anonymous => Ok(IdentityToken::Anonymous),
        User::Name { name, password } => {
            let password = password.read().map_err(Fault::Refused)?;
            Ok(IdentityToken::new_user_name(name.as_str(), password.as_str()))
        }
        User::Certificate { certificate, key } => IdentityToken::new_x509_path(certificate, key)
            .map_err(|error| {
                Fault::Refused(format!(
                    "the user certificate {} or its key can't be read: {error}",
                    certificate.display()
                ))
            }),
    }
}

fn description(settings: &Settings) -> ApplicationDescription {
    let uri = settings
        .identity
        .as_ref()
        .map_or("urn:forehearth", |identity| identity.application_uri.as_str());
    ApplicationDescription {
        application_uri: uri.into(),
        product_uri: "urn:forehearth".into(),
        application_name: LocalizedText::new("", "Forehearth"),
        application_type: ApplicationType::Client,
        ..Default::default()
    }
}

fn decoding() -> DecodingOptions {
    DecodingOptions {
        max_message_size: LARGEST_MESSAGE,
        max_chunk_count: LARGEST_MESSAGE / CHUNK,
        max_string_length: LONGEST_TEXT,
        max_byte_string_length: LONGEST_TEXT,
        max_array_length: LONGEST_ARRAY,
        ..Default::default()
    }
}
