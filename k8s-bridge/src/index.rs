//! What is known: every object by kind, namespace and name.
//!
//! **For**: input of [`crate::compile()`]. **Sits**: owned by whoever follows a source; pure data.
//! **How it works**: one ordered map, so that what is made from it does not depend on the order in
//! which objects arrived. **Invariants**: the key of an entry is the object's own key.

use std::collections::BTreeMap;

use intent::ObjectRef;

use crate::{
    crd::{
        BgpAdvertisement, BgpExternalPeer, BgpInstance, BgpPeer, BgpPolicy, BgpProvider,
        BgpRoutePolicy, BgpRouter, BgpSession,
    },
    object::{NodeData, Object, SecretData, Stored},
};

/// Every object known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Index {
    objects: BTreeMap<ObjectRef, Stored>,
}

impl Index {
    /// Adds or replaces an object; gives what was there.
    pub fn apply(&mut self, stored: Stored) -> Option<Stored> {
        self.objects.insert(stored.object.key(), stored)
    }

    /// Removes an object; gives what was there.
    pub fn delete(&mut self, key: &ObjectRef) -> Option<Stored> {
        self.objects.remove(key)
    }

    /// The object of this name.
    pub fn get(&self, key: &ObjectRef) -> Option<&Stored> {
        self.objects.get(key)
    }

    /// Every object, ordered by kind, namespace and name.
    pub fn iter(&self) -> impl Iterator<Item = (&ObjectRef, &Stored)> {
        self.objects.iter()
    }

    /// How many objects there are.
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    pub(crate) fn node(&self, name: &str) -> Option<&NodeData> {
        match &*self.get(&ObjectRef::cluster("Node", name))?.object {
            Object::Node(node) => Some(node),
            _ => None,
        }
    }

    pub(crate) fn secret(&self, namespace: &str, name: &str) -> Option<&SecretData> {
        match &*self.get(&ObjectRef::namespaced("Secret", namespace, name))?.object {
            Object::Secret(secret) => Some(secret),
            _ => None,
        }
    }
}

impl FromIterator<Stored> for Index {
    fn from_iter<I: IntoIterator<Item = Stored>>(all: I) -> Self {
        let mut index = Self::default();
        all.into_iter().for_each(|stored| _ = index.apply(stored));
        index
    }
}

/// An object of one kind, with its key and what is known about it.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Entry<'a, T> {
    pub(crate) key: &'a ObjectRef,
    pub(crate) object: &'a T,
    pub(crate) stored: &'a Stored,
}

macro_rules! of_kind {
    ($($name:ident: $variant:ident($type:ty),)*) => {
        impl Index {
            $(pub(crate) fn $name(&self) -> impl Iterator<Item = Entry<'_, $type>> {
                self.objects.iter().filter_map(|(key, stored)| match &*stored.object {
                    Object::$variant(object) => Some(Entry { key, object: &**object, stored }),
                    _ => None,
                })
            })*
        }
    };
}

of_kind! {
    providers: Provider(BgpProvider),
    instances: Instance(BgpInstance),
    sessions: Session(BgpSession),
    external_peers: ExternalPeer(BgpExternalPeer),
    routers: Router(BgpRouter),
    peers: Peer(BgpPeer),
    advertisements: Advertisement(BgpAdvertisement),
    policies: Policy(BgpPolicy),
    route_policies: RoutePolicy(BgpRoutePolicy),
}
