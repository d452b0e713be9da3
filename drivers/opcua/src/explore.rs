//! Looking around on a server: what is there, of which type and in which unit. For tools, not for reading.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use forehearth_model::{DataType, Quality, Value};
use opcua::types::custom::ParentIds;
use opcua::types::{
    AttributeId, BrowseDescription, BrowseDirection, ByteString, EUInformation, NodeClass, NodeId,
    Range, ReferenceDescription, ReferenceTypeId, VariableId, Variant, VariantScalarTypeId,
};

use crate::address::Address;
use crate::fault::Fault;
use crate::locate::locate;
use crate::namespaces::{NamespaceTable, Resolver};
use crate::services::{self, Limits};
use crate::session::Session;
use crate::settings::Settings;
use crate::trust::Fingerprint;
use crate::{quality, structures, value, view};

/// Connections lost on the way before a walk is given up. Chosen: a server
/// that fails as often in one walk needs its owner.
const MOST_RESUMES: u32 = 5;
/// Pause before a lost walk goes on.
const RESUME_AFTER: Duration = Duration::from_secs(2);
/// Longest array taken as one; as in the map's language.
const LONGEST_ARRAY: usize = 1000;

/// Why a server can't be looked at.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {reason}")]
pub struct ExploreError {
    /// Which server.
    pub url: String,
    /// What is in the way, and what to do.
    pub reason: String,
}

/// A node that was found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Found {
    /// As a map names it: by the alias of its namespace, or its URI.
    pub node: String,
    /// Its identifier alone, without `s=`.
    pub identifier: String,
    /// Browse names from where the walk began, its own last.
    pub names: Vec<String>,
    /// Whether it holds a value.
    pub is_variable: bool,
    id: NodeId,
}

/// What a variable holds.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// Its type as a map writes it; `None` for a structure or a type that has
    /// no place in a tag.
    pub type_name: Option<String>,
    /// Engineering unit.
    pub unit: Option<String>,
    /// Range of the instrument.
    pub range: Option<(f64, f64)>,
    /// What it holds now, for people.
    pub value: String,
    /// And how good that is.
    pub quality: Option<Quality>,
}

/// A server that is looked at.
pub struct Explorer {
    settings: Settings,
    url: String,
    session: Session,
    limits: Limits,
    table: NamespaceTable,
    resolver: Resolver,
}

impl Explorer {
    /// Opens a session as a link with these settings would, at the first
    /// server that answers.
    ///
    /// # Errors
    /// What is in the way of each.
    pub async fn connect(settings: Settings) -> Result<Self, ExploreError> {
        let mut reasons = Vec::new();
        for url in &settings.urls {
            match open(&settings, url).await {
                Ok((session, table, limits)) => {
                    let (url, resolver) = (url.clone(), Resolver::new(&settings.namespaces));
                    return Ok(Self { settings, url, session, limits, table, resolver });
                }
                Err(fault) => reasons.push(format!("{url}: {fault}")),
            }
        }
        let url = settings.urls.join(", ");
        Err(ExploreError { url, reason: reasons.join("; ") })
    }

    /// Says goodbye.
    pub async fn close(self) {
        self.session.close().await;
    }

    /// Walks down from `under`, breadth first; each node is handed to `each`
    /// once, whichever ways lead to it, until it says `false`. A lost
    /// connection is made anew and the walk goes on where it was. Returns how
    /// many nodes were looked at.
    ///
    /// # Errors
    /// When `under` is not there, or the server is away for good.
    pub async fn walk(
        &mut self,
        under: &Address,
        depth: u32,
        most: usize,
        mut each: impl FnMut(Found) -> bool,
    ) -> Result<usize, ExploreError> {
        let start = self.find(&[under]).await?.remove(0);
        let start = start.map_err(|reason| self.error(format!("{under}: {reason}")))?;
        let mut seen = HashSet::from([start.clone()]);
        let mut todo = VecDeque::from([(start, Vec::<String>::new())]);
        let (mut looked, mut resumes) = (0, 0);
        while !todo.is_empty() && looked < most {
            let step = self.limits.browse.max(1).min(todo.len());
            let some: Vec<NodeId> = todo.iter().take(step).map(|(node, _)| node.clone()).collect();
            let answers = match self.below(&some).await {
                Ok(answers) => answers,
                Err(Fault::Lost(_) | Fault::Silent) if resumes < MOST_RESUMES => {
                    resumes += 1;
                    tokio::time::sleep(RESUME_AFTER).await;
                    self.reconnect().await?;
                    continue;
                }
                Err(fault) => return Err(self.error(fault.to_string())),
            };
            for ((_, names), references) in
                todo.drain(..step).collect::<Vec<_>>().iter().zip(answers)
            {
                for reference in references {
                    let id = reference.node_id.node_id.clone();
                    let here = reference.node_id.server_index == 0;
                    if !here || looked >= most || !seen.insert(id.clone()) {
                        continue;
                    }
                    looked += 1;
                    let mut names = names.clone();
                    names.push(reference.browse_name.name.as_ref().to_owned());
                    if names.len() < depth as usize {
                        todo.push_back((id.clone(), names.clone()));
                    }
                    if !each(self.found(id, names, &reference)) {
                        return Ok(looked);
                    }
                }
            }
        }
        Ok(looked)
    }

    /// Everything below some nodes, in their order.
    async fn below(&self, nodes: &[NodeId]) -> Result<Vec<Vec<ReferenceDescription>>, Fault> {
        let answers = view::browse(&self.session, nodes).await?;
        let mut all: Vec<Vec<ReferenceDescription>> = Vec::with_capacity(answers.len());
        let mut more: Vec<(usize, ByteString)> = Vec::new();
        for (place, answer) in answers.into_iter().enumerate() {
            all.push(answer.references.unwrap_or_default());
            if !answer.continuation_point.is_null_or_empty() {
                more.push((place, answer.continuation_point));
            }
        }
        while !more.is_empty() {
            let points: Vec<ByteString> = more.iter().map(|(_, point)| point.clone()).collect();
            let answers = view::browse_next(&self.session, &points).await?;
            let mut left = Vec::new();
            for ((place, _), answer) in more.into_iter().zip(answers) {
                let rest = answer.references.unwrap_or_default();
                // A server that promises more and has none is not asked for ever.
                if !rest.is_empty() && !answer.continuation_point.is_null_or_empty() {
                    left.push((place, answer.continuation_point));
                }
                all[place].extend(rest);
            }
            more = left;
        }
        Ok(all)
    }

    fn found(&self, id: NodeId, names: Vec<String>, reference: &ReferenceDescription) -> Found {
        let identifier = id.identifier.to_string();
        let bare = identifier.split_once('=').map_or("", |(_, bare)| bare).to_owned();
        let node = match self.table.uri(id.namespace) {
            _ if id.namespace == 0 => identifier,
            Some(uri) => {
                let known = self.settings.namespaces.iter().find(|(_, known)| known == uri);
                match known {
                    Some((alias, _)) => format!("{alias}:{identifier}"),
                    None => format!("nsu={uri};{identifier}"),
                }
            }
            None => format!("ns={};{identifier}", id.namespace),
        };
        let is_variable = reference.node_class == NodeClass::Variable;
        Found { node, identifier: bare, names, is_variable, id }
    }

    /// Where addresses lead, in their order.
    async fn find(
        &mut self,
        addresses: &[&Address],
    ) -> Result<Vec<Result<NodeId, String>>, ExploreError> {
        let Self { session, limits, resolver, table, .. } = self;
        let found = locate(session, limits, resolver, table, addresses).await;
        found.map_err(|fault| self.error(fault.to_string()))
    }

    /// What some nodes hold, in their order.
    ///
    /// # Errors
    /// When the server is away.
    pub async fn facts(&mut self, found: &[Found]) -> Result<Vec<Facts>, ExploreError> {
        let nodes: Vec<NodeId> = found.iter().map(|found| found.id.clone()).collect();
        self.facts_of(&nodes).await.map_err(|fault| self.error(fault.to_string()))
    }

    /// The same of addresses as a map writes them; what is not there has its reason.
    ///
    /// # Errors
    /// When the server is away.
    pub async fn facts_at(
        &mut self,
        addresses: &[&Address],
    ) -> Result<Vec<Result<Facts, String>>, ExploreError> {
        let found = self.find(addresses).await?;
        let nodes: Vec<NodeId> = found.iter().filter_map(|node| node.clone().ok()).collect();
        let facts = self.facts_of(&nodes).await.map_err(|fault| self.error(fault.to_string()))?;
        let mut facts = facts.into_iter();
        Ok(found.into_iter().map(|node| node.map(|_| facts.next().unwrap_or_default())).collect())
    }

    async fn facts_of(&mut self, nodes: &[NodeId]) -> Result<Vec<Facts>, Fault> {
        let Self { session, limits, .. } = self;
        let asked: Vec<_> = nodes
            .iter()
            .flat_map(|node| {
                [AttributeId::DataType, AttributeId::Value].map(|attribute| (node, attribute))
            })
            .map(|(node, attribute)| services::attribute_of(node.clone(), attribute))
            .collect();
        let answers = services::read(session, limits, &asked).await?;
        let types: Vec<NodeId> = answers
            .iter()
            .step_by(2)
            .map(|answer| match &answer.value {
                Some(Variant::NodeId(id)) => (**id).clone(),
                _ => NodeId::null(),
            })
            .collect();
        let mut parents = ParentIds::new();
        let unknown: HashSet<NodeId> = types.iter().filter(|id| !id.is_null()).cloned().collect();
        structures::ancestors(session, limits, &Vec::from_iter(unknown), &mut parents).await?;
        let mut facts: Vec<Facts> = Vec::with_capacity(nodes.len());
        for (pair, id) in answers.chunks(2).zip(&types) {
            let now = pair.get(1);
            let code = now.and_then(|now| now.status).map_or(0, |status| status.bits());
            let variant = now.and_then(|now| now.value.as_ref());
            facts.push(Facts {
                type_name: type_name(parents.get_builtin_type(id), variant),
                value: variant.map_or_else(|| "-".to_owned(), shown),
                quality: Some(quality::quality(code)),
                ..Facts::default()
            });
        }
        properties(session, limits, nodes, &mut facts).await?;
        Ok(facts)
    }

    async fn reconnect(&mut self) -> Result<(), ExploreError> {
        let made = open(&self.settings, &self.url).await;
        let (session, table, limits) = made.map_err(|fault| self.error(fault.to_string()))?;
        if Resolver::is_stale(&self.table, &table) {
            return Err(self.error(Fault::Renumbered.to_string()));
        }
        (self.session, self.limits) = (session, limits);
        Ok(())
    }

    fn error(&self, reason: String) -> ExploreError {
        ExploreError { url: self.url.clone(), reason }
    }
}

async fn open(settings: &Settings, url: &str) -> Result<(Session, NamespaceTable, Limits), Fault> {
    let (session, _) = Session::create(settings, url).await?;
    let (table, limits) = services::introduce(&session).await?;
    Ok((session, table, limits))
}

/// Units and ranges, which are properties of a variable (OPC 10000-8, 5.3.2).
async fn properties(
    session: &Session,
    limits: &mut Limits,
    nodes: &[NodeId],
    facts: &mut [Facts],
) -> Result<(), Fault> {
    let mut wanted: Vec<(usize, NodeId)> = Vec::new();
    for (chunk, some) in nodes.chunks(limits.browse.max(1)).enumerate() {
        let asked: Vec<BrowseDescription> = some
            .iter()
            .map(|node| {
                let property = ReferenceTypeId::HasProperty.into();
                view::references_of(node, property, BrowseDirection::Forward)
            })
            .collect();
        for (place, answer) in view::browse_as(session, asked).await?.into_iter().enumerate() {
            for reference in answer.references.into_iter().flatten() {
                let name = reference.browse_name.name.as_ref();
                if matches!(name, "EngineeringUnits" | "EURange") {
                    let place = chunk * limits.browse.max(1) + place;
                    wanted.push((place, reference.node_id.node_id));
                }
            }
        }
    }
    let asked: Vec<_> = wanted.iter().map(|(_, node)| services::value_of(node.clone())).collect();
    let answers = services::read(session, limits, &asked).await?;
    for ((place, _), answer) in wanted.into_iter().zip(answers) {
        let Some(Variant::ExtensionObject(object)) = answer.value else { continue };
        if let Some(unit) = object.inner_as::<EUInformation>() {
            let text = unit.display_name.text.as_ref().trim();
            facts[place].unit = (!text.is_empty()).then(|| text.to_owned());
        } else if let Some(range) = object.inner_as::<Range>() {
            facts[place].range = (range.low < range.high).then_some((range.low, range.high));
        }
    }
    Ok(())
}

/// The type in the words of a map; arrays by the length they have now.
fn type_name(kind: Option<VariantScalarTypeId>, now: Option<&Variant>) -> Option<String> {
    let one = match kind? {
        VariantScalarTypeId::Boolean => DataType::Bool.name(),
        VariantScalarTypeId::SByte => DataType::Sint.name(),
        VariantScalarTypeId::Byte => DataType::Usint.name(),
        VariantScalarTypeId::Int16 => DataType::Int.name(),
        VariantScalarTypeId::UInt16 => DataType::Uint.name(),
        VariantScalarTypeId::Int32 => DataType::Dint.name(),
        VariantScalarTypeId::UInt32 | VariantScalarTypeId::StatusCode => DataType::Udint.name(),
        VariantScalarTypeId::Int64 | VariantScalarTypeId::DateTime => DataType::Lint.name(),
        VariantScalarTypeId::UInt64 => DataType::Ulint.name(),
        VariantScalarTypeId::Float => DataType::Real.name(),
        VariantScalarTypeId::Double => DataType::Lreal.name(),
        VariantScalarTypeId::String
        | VariantScalarTypeId::LocalizedText
        | VariantScalarTypeId::Guid
        | VariantScalarTypeId::NodeId
        | VariantScalarTypeId::QualifiedName
        | VariantScalarTypeId::ByteString => "STRING",
        _ => return None,
    };
    match now {
        Some(Variant::Array(array)) => {
            let length = array.values.len();
            (1..=LONGEST_ARRAY).contains(&length).then(|| format!("{one}[{length}]"))
        }
        _ => Some(one.to_owned()),
    }
}

fn shown(variant: &Variant) -> String {
    match variant {
        Variant::Array(array) => {
            let first: Vec<String> = array.values.iter().take(8).map(shown).collect();
            let more = if array.values.len() > 8 { ", ..." } else { "" };
            format!("[{}{more}]", first.join(", "))
        }
        Variant::DateTime(time) => value::stamp(time).to_string(),
        other => match value::value(other, None) {
            Ok(Value::Null) | Err(_) => "-".to_owned(),
            Ok(Value::Bool(bit)) => bit.to_string(),
            Ok(Value::Int(int)) => int.to_string(),
            Ok(Value::UInt(int)) => int.to_string(),
            Ok(Value::F32(real)) => real.to_string(),
            Ok(Value::F64(real)) => real.to_string(),
            Ok(Value::Text(text)) => text.to_string(),
        },
    }
}

/// What a server shows to anybody who asks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Greeting {
    /// Of its certificate; `None`: it has none.
    pub fingerprint: Option<Fingerprint>,
    /// Whom the certificate names.
    pub subject: String,
    /// From when to when it is valid.
    pub valid: String,
    /// Each security with the users it takes.
    pub endpoints: Vec<String>,
}

/// Asks a server what it offers, over an open channel and without a session.
///
/// # Errors
/// When nobody answers.
pub async fn greet(settings: &Settings) -> Result<Greeting, ExploreError> {
    let url = settings.urls.first().cloned().unwrap_or_default();
    let offered = crate::session::endpoints(settings, &url).await;
    let offered = offered.map_err(|fault| ExploreError { url, reason: fault.to_string() })?;
    let certificate =
        offered.iter().find(|endpoint| !endpoint.server_certificate.is_null_or_empty());
    let x509 = certificate.and_then(|endpoint| {
        opcua::crypto::X509::from_byte_string(&endpoint.server_certificate).ok()
    });
    let day = |time: Option<String>| time.unwrap_or_else(|| "?".to_owned());
    let mut endpoints: Vec<String> = offered.iter().map(crate::security::describe).collect();
    endpoints.sort();
    endpoints.dedup();
    Ok(Greeting {
        fingerprint: x509
            .as_ref()
            .and_then(|x509| x509.to_der().ok())
            .map(|der| Fingerprint::of(&der)),
        subject: x509.as_ref().map(opcua::crypto::X509::subject_name).unwrap_or_default(),
        valid: x509.as_ref().map_or_else(String::new, |x509| {
            let from = day(x509.not_before().ok().map(|time| time.to_string()));
            format!("{from} to {}", day(x509.not_after().ok().map(|time| time.to_string())))
        }),
        endpoints,
    })
}

/// Whether a session can be opened now; what is in the way if not.
///
/// # Errors
/// Why not.
pub async fn knock(settings: &Settings) -> Result<(), ExploreError> {
    let explorer = Explorer::connect(settings.clone()).await?;
    let asked = [services::value_of(VariableId::Server_ServerStatus_State.into())];
    let answer = services::read(&explorer.session, &mut Limits::default(), &asked).await;
    let result = answer.map(|_| ()).map_err(|fault| explorer.error(fault.to_string()));
    explorer.close().await;
    result
}
