//! Packets as other nodes make and read them: what the documentation of the wire format says, written once more.

/// Who sends.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sender {
    pub node: String,
    pub epoch: u64,
    pub incarnation: u64,
}

pub type Name = Vec<u8>;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Claim {
    pub user: Name,
    pub time: u64,
    pub over: Option<(u64, String)>,
}

/// How a claim went, which a change says.
pub const LOST: u8 = 0;
pub const LOGGED_OUT: u8 = 1;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    Claimed(Claim),
    Released(Name, u8),
}

#[derive(Clone, PartialEq, Eq, Debug)]
#[rustfmt::skip]
pub enum Body {
    Hello { serial: u64, wall: u64, number: u64, claims: u64, digest: u128, hears: Vec<String> },
    Changes { first: u64, changes: Vec<Change> },
    Known { epoch: u64, incarnation: u64 },
    AskChanges { after: u64 },
    Compare { digests: Vec<u128> },
    Digests { number: u64, digests: Vec<u128> },
    Part { bucket: u8, number: u64, part: u64, parts: u64, claims: Vec<Claim> },
    Relay { id: u64, incarnation: u64, to: Name, from: Name, conn: u64, sequence: u64, volatile: bool, message: Vec<u8> },
    Delivered { id: u64, outcome: u8 },
    Broadcast { from: Option<Name>, room: Option<Name>, except: Vec<Name>, volatile: bool, message: Vec<u8> },
    Probe { number: u64, room: Name },
    AskMembers { id: u64, room: Name, limit: u64 },
    Members { id: u64, total: u64, users: Vec<Name> },
    Goodbye,
}

#[derive(Default)]
struct Writer(Vec<u8>);

impl Writer {
    fn integer(&mut self, mut value: u64) -> &mut Self {
        while value >= 128 {
            self.0.push(value as u8 | 128);
            value >>= 7;
        }
        self.byte(value as u8)
    }

    fn byte(&mut self, byte: u8) -> &mut Self {
        self.0.push(byte);
        self
    }

    fn flag(&mut self, flag: bool) -> &mut Self {
        self.byte(flag.into())
    }

    fn digest(&mut self, digest: u128) {
        self.0.extend(digest.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.integer(bytes.len() as u64).0.extend(bytes);
        self
    }

    fn list<T>(&mut self, items: &[T], mut each: impl FnMut(&mut Self, &T)) -> &mut Self {
        self.integer(items.len() as u64);
        items.iter().for_each(|item| each(self, item));
        self
    }

    fn names(&mut self, names: &[Name]) -> &mut Self {
        self.list(names, |out, name| _ = out.bytes(name))
    }

    fn optional(&mut self, name: Option<&Name>) -> &mut Self {
        self.flag(name.is_some());
        name.into_iter().for_each(|name| _ = self.bytes(name));
        self
    }

    fn claim(&mut self, claim: &Claim) {
        self.bytes(&claim.user).integer(claim.time).flag(claim.over.is_some());
        if let Some((time, node)) = &claim.over {
            self.integer(*time).bytes(node.as_bytes());
        }
    }
}

pub fn encode(sender: &Sender, body: &Body) -> Vec<u8> {
    let mut out = Writer(vec![1, kind(body)]);
    out.bytes(sender.node.as_bytes()).integer(sender.epoch).integer(sender.incarnation);
    match body {
        Body::Hello { serial, wall, number, claims, digest, hears } => {
            out.integer(*serial).integer(*wall).integer(*number).integer(*claims).digest(*digest);
            out.list(hears, |out, node| _ = out.bytes(node.as_bytes()));
        }
        Body::Changes { first, changes } => {
            out.integer(*first).list(changes, |out, change| match change {
                Change::Claimed(claim) => out.byte(0).claim(claim),
                Change::Released(user, departure) => _ = out.byte(1).bytes(user).byte(*departure),
            });
        }
        Body::Known { epoch, incarnation } => _ = out.integer(*epoch).integer(*incarnation),
        Body::AskChanges { after } => _ = out.integer(*after),
        Body::Goodbye => {}
        Body::Compare { digests } => digests.iter().for_each(|digest| out.digest(*digest)),
        Body::Digests { number, digests } => {
            out.integer(*number);
            digests.iter().for_each(|digest| out.digest(*digest));
        }
        Body::Part { bucket, number, part, parts, claims } => {
            out.byte(*bucket).integer(*number).integer(*part).integer(*parts);
            out.list(claims, Writer::claim);
        }
        Body::Relay { id, incarnation, to, from, conn, sequence, volatile, message } => {
            out.integer(*id)
                .integer(*incarnation)
                .bytes(to)
                .bytes(from)
                .integer(*conn)
                .integer(*sequence)
                .flag(*volatile)
                .bytes(message);
        }
        Body::Delivered { id, outcome } => _ = out.integer(*id).byte(*outcome),
        Body::Broadcast { from, room, except, volatile, message } => {
            out.optional(from.as_ref()).optional(room.as_ref()).names(except).flag(*volatile).bytes(message);
        }
        Body::Probe { number, room } => _ = out.integer(*number).bytes(room),
        Body::AskMembers { id, room, limit } => _ = out.integer(*id).bytes(room).integer(*limit),
        Body::Members { id, total, users } => _ = out.integer(*id).integer(*total).names(users),
    }
    out.0
}

fn kind(body: &Body) -> u8 {
    match body {
        Body::Hello { .. } => 1,
        Body::Changes { .. } => 2,
        Body::Known { .. } => 3,
        Body::AskChanges { .. } => 4,
        Body::Compare { .. } => 5,
        Body::Digests { .. } => 6,
        Body::Part { .. } => 7,
        Body::Relay { .. } => 8,
        Body::Delivered { .. } => 9,
        Body::Broadcast { .. } => 10,
        Body::Probe { .. } => 11,
        Body::AskMembers { .. } => 12,
        Body::Members { .. } => 13,
        Body::Goodbye => 14,
    }
}

/// Panics where the documentation is not met.
pub struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Vec<u8> {
        let (taken, left) = self.0.split_at(count);
        self.0 = left;
        taken.to_vec()
    }

    fn byte(&mut self) -> u8 {
        self.take(1)[0]
    }

    fn integer(&mut self) -> u64 {
        let byte = self.byte();
        let rest = if byte & 128 == 0 { 0 } else { self.integer() };
        u64::from(byte & 127) | rest << 7
    }

    fn flag(&mut self) -> bool {
        let byte = self.byte();
        assert!(byte < 2, "{byte} is no flag");
        byte == 1
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.integer();
        self.take(length as usize)
    }

    fn digest(&mut self) -> u128 {
        u128::from_le_bytes(self.take(16).try_into().unwrap())
    }

    fn name(&mut self) -> Name {
        let name = self.bytes();
        assert!((1..=255).contains(&name.len()));
        name
    }

    fn node(&mut self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    fn list<T>(&mut self, mut each: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.integer()).map(|_| each(self)).collect()
    }

    fn optional<T>(&mut self, each: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.flag().then(|| each(self))
    }

    fn claim(&mut self) -> Claim {
        Claim { user: self.name(), time: self.integer(), over: self.optional(|it| (it.integer(), it.node())) }
    }

    fn change(&mut self) -> Change {
        match self.byte() {
            0 => Change::Claimed(self.claim()),
            1 => Change::Released(self.name(), self.byte()),
            other => panic!("no change: {other}"),
        }
    }

    fn body(&mut self, kind: u8) -> Body {
        match kind {
            1 => Body::Hello {
                serial: self.integer(),
                wall: self.integer(),
                number: self.integer(),
                claims: self.integer(),
                digest: self.digest(),
                hears: self.list(Self::node),
            },
            2 => Body::Changes { first: self.integer(), changes: self.list(Self::change) },
            3 => Body::Known { epoch: self.integer(), incarnation: self.integer() },
            4 => Body::AskChanges { after: self.integer() },
            5 => Body::Compare { digests: (0..256).map(|_| self.digest()).collect() },
            6 => Body::Digests { number: self.integer(), digests: (0..256).map(|_| self.digest()).collect() },
            7 => Body::Part {
                bucket: self.byte(),
                number: self.integer(),
                part: self.integer(),
                parts: self.integer(),
                claims: self.list(Self::claim),
            },
            8 => Body::Relay {
                id: self.integer(),
                incarnation: self.integer(),
                to: self.name(),
                from: self.name(),
                conn: self.integer(),
                sequence: self.integer(),
                volatile: self.flag(),
                message: self.bytes(),
            },
            9 => Body::Delivered { id: self.integer(), outcome: self.byte() },
            10 => Body::Broadcast {
                from: self.optional(Self::name),
                room: self.optional(Self::name),
                except: self.list(Self::name),
                volatile: self.flag(),
                message: self.bytes(),
            },
            11 => Body::Probe { number: self.integer(), room: self.name() },
            12 => Body::AskMembers { id: self.integer(), room: self.name(), limit: self.integer() },
            13 => Body::Members { id: self.integer(), total: self.integer(), users: self.list(Self::name) },
            14 => Body::Goodbye,
            other => panic!("no kind: {other}"),
        }
    }
}

pub fn decode(packet: &[u8]) -> (Sender, Body) {
    let mut reader = Reader(packet);
    assert_eq!(reader.byte(), 1, "the version");
    let kind = reader.byte();
    let sender = Sender { node: reader.node(), epoch: reader.integer(), incarnation: reader.integer() };
    let body = reader.body(kind);
    assert!(reader.0.is_empty(), "{} bytes are left", reader.0.len());
    assert_eq!(encode(&sender, &body), packet, "another form");
    (sender, body)
}
