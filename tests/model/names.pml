/* One session with two names: h1, and h2 that a response hands out. Two replicas, three requests, a rollout from version 1
   to 2. Record 0 is the session's, under h1; record 1 is what h2 gets when it is taken for a session of its own.
   Request 0 is the one whose response hands a name out: h2, or with -DNEW_SESSION h1 itself. */
#define NR 3
#define BIT(i) (1<<(i))
#define STEADY 0
#define FLUSH 1
#define PREPARE 2
#define ACTIVE 3

/* The store. */
byte phase;
byte gen;                       /* generation: grows when the store loses everything */
byte pgen;                      /* the generation in which PREPARE was entered */
bool link;                      /* h2 points to h1 */
byte pin[2], recgen[2], lease[2];

/* The replicas. */
bool alive[2] = 1, reg[2] = 1;
byte ph[2], ack[2], sgen[2], rgen[2];
bool knows[2];                  /* remembers that h2 points to h1 */
bool queued[2];                 /* the link is in its outbox */

/* The requests. */
byte st[NR];                    /* 0 not decided, 1 decided, 2 at the instance, 3 ended there */
byte ver[NR], rep[NR];
byte h[NR];                     /* the name it came with, 0: none */
bool root[NR];                  /* it came without and has named its session */
bool issued;                    /* the client has the new name */
byte maxSent, atOld;

#define GEN_ACKED ((!reg[0] || rgen[0] == gen) && (!reg[1] || rgen[1] == gen))
#define HAS_ACKED(r, p) (!reg[r] || (ack[r] >= p && rgen[r] == gen))
#define ACKED(p) (HAS_ACKED(0, p) && HAS_ACKED(1, p))
#define IN_FLIGHT(j, r) (rep[j] == r && ver[j] == 1 && (st[j] == 1 || st[j] == 2))
#ifdef NO_FLUSH_PHASE
#define FIRST PREPARE
#else
#define FIRST FLUSH
#endif

inline take_lease(i, x) {
  if :: recgen[x] != gen -> recgen[x] = gen; lease[x] = 0 :: else fi;
  if :: pin[x] < 1 -> pin[x] = 1 :: else fi;
  lease[x] = lease[x] | BIT(i) }

/* A name that exists stays as it is. */
inline write_link() { if :: pin[1] == 0 -> link = 1 :: else fi }

inline claim(i, r) {            /* asked: 0 refused, or asked again later */
  asked = 0;
  if
  :: h[i] == 2 && !knows[r] && !link -> x = 1
  :: else -> x = 0; if :: h[i] == 2 -> knows[r] = 1 :: else fi
  fi;
  if
  :: sgen[r] != gen -> skip
  :: sgen[r] == gen && pin[x] == 2 && ph[r] == ACTIVE -> ver[i] = 2; asked = 1; recgen[x] = gen
  :: sgen[r] == gen && !(pin[x] == 2 && ph[r] == ACTIVE) && !GEN_ACKED -> skip
  :: sgen[r] == gen && !(pin[x] == 2 && ph[r] == ACTIVE) && GEN_ACKED ->
       if
       :: (pin[x] == 0 || recgen[x] != gen) && ph[r] == PREPARE && pgen != gen -> skip
       :: (pin[x] == 0 || recgen[x] != gen) && ph[r] == PREPARE && pgen == gen -> ver[i] = 1; asked = 1; take_lease(i, x)
       :: (pin[x] == 0 || recgen[x] != gen) && ph[r] == ACTIVE ->
            ver[i] = 2; asked = 1; pin[x] = 2; recgen[x] = gen; lease[x] = 0
       :: pin[x] == 2 && recgen[x] == gen && ph[r] == PREPARE -> ver[i] = 2; asked = 1; take_lease(i, x)
       :: pin[x] == 1 && recgen[x] == gen -> ver[i] = 1; asked = 1; take_lease(i, x)
       :: pin[x] == 1 && recgen[x] == gen && ph[r] == ACTIVE && lease[x] == 0 -> ver[i] = 2; asked = 1; pin[x] = 2
       fi
  fi }

/* The lease of a request in flight, under every name that it has; the store says where they point. */
inline lease_names(j) {
  if
  :: h[j] == 2 && !link -> take_lease(j, 1)
  :: (h[j] == 2 && link) || h[j] == 1 || root[j] -> take_lease(j, 0)
  :: else
  fi }

/* The phase turned strict around the response, perhaps after the replica had looked for what to lease. In a generation that
   is not acknowledged a lease would pass for proof, and none is needed: the acknowledgement waits for the request. */
#ifdef NO_SECOND_LOOK
#define SECOND_LOOK 0
#else
#define SECOND_LOOK 1
#endif
#ifdef LEASE_UNACKED
#define LEASES(r) 1
#else
#define LEASES(r) (rgen[r] == gen)
#endif
inline lease_late(i, r) {
  if :: SECOND_LOOK && ph[r] >= PREPARE && ver[i] == 1 && LEASES(r) -> lease_names(i) :: else fi }

inline leave(i) {               /* the headers */
  issued = 1; if :: h[i] == 0 && ver[i] > maxSent -> maxSent = ver[i] :: else fi }

inline hand_out_link(i, r) {
  if
#ifdef NAMES_BEHIND
  :: atomic { alive[r] -> knows[r] = 1; queued[r] = 1; leave(i) }
#else
  :: atomic { alive[r] && ph[r] == STEADY -> knows[r] = 1; queued[r] = 1 };
     if
     :: atomic { alive[r] && ph[r] == STEADY -> leave(i) }
     :: atomic { alive[r] && ph[r] > STEADY && !queued[r] -> lease_late(i, r); leave(i) }
     :: atomic { !alive[r] -> skip }
     fi
  :: atomic { alive[r] && ph[r] > STEADY && sgen[r] == gen -> write_link(); knows[r] = 1 };
     atomic { if :: alive[r] -> lease_late(i, r); leave(i) :: else fi }
#endif
  :: atomic { !alive[r] || ph[r] > STEADY && sgen[r] != gen -> skip }         /* refused */
  fi }

inline hand_out_session(i, r) {
  if
  :: atomic { alive[r] && ph[r] == STEADY -> root[i] = 1 };
     atomic { if :: alive[r] -> lease_late(i, r); leave(i) :: else fi }
  :: atomic { alive[r] && ph[r] > STEADY && sgen[r] == gen ->
       if :: recgen[0] != gen -> recgen[0] = gen; lease[0] = 0 :: else fi;
       if :: pin[0] < ver[i] -> pin[0] = ver[i] :: else fi;
#ifndef NO_NEW_SESSION_LEASE
       if :: ver[i] == 1 && ph[r] >= PREPARE -> lease[0] = lease[0] | BIT(i) :: else fi
#endif
     };
     atomic { root[i] = 1 };
     atomic { if :: alive[r] ->
#ifndef NO_NEW_SESSION_LEASE
                lease_late(i, r);
#endif
                leave(i)
              :: else
              fi }
  :: atomic { !alive[r] || ph[r] > STEADY && sgen[r] != gen -> skip }
  fi }

proctype Req(byte i) {
  byte r; byte x; bool asked;
end: if
  :: i == 0 ->
#ifdef NEW_SESSION
       h[i] = 0
#else
       h[i] = 1
#endif
  :: i > 0 && issued ->
#ifdef NEW_SESSION
       h[i] = 1
#else
       if :: h[i] = 2 :: i == 2 -> h[i] = 1 fi
#endif
  fi;
  atomic { if :: alive[0] -> r = 0 :: alive[1] -> r = 1 fi; rep[i] = r }
  atomic {
    if
    :: !alive[r] -> goto off
    :: alive[r] && ph[r] <= FLUSH -> ver[i] = 1; st[i] = 1;
#ifdef GUESSED_NAMES
         if :: h[i] == 2 && !knows[r] && !link && pin[1] == 0 -> pin[1] = 1; recgen[1] = gen :: else fi
#endif
    :: alive[r] && ph[r] > FLUSH && h[i] == 0 -> if :: ver[i] = 1 :: ph[r] == ACTIVE -> ver[i] = 2 fi; st[i] = 1
    :: alive[r] && ph[r] > FLUSH && h[i] > 0 -> claim(i, r); if :: asked -> st[i] = 1 :: else -> goto off fi
    fi }
  atomic {
    if :: !alive[r] -> st[i] = 3; goto off :: else fi;
    st[i] = 2;
#ifdef REACH_MOVE
    assert(!(h[i] == 2 && ver[i] == 2 && maxSent == 1 && gen >= REACH_MOVE));
#endif
    assert(ver[i] >= maxSent);                                  /* G1 */
#ifndef ONLY_G1
    assert(!(ver[i] == 2 && atOld > 0));                        /* G2 */
#endif
    if :: ver[i] == 1 -> atOld++ :: else fi;
    if :: h[i] > 0 && ver[i] > maxSent -> maxSent = ver[i] :: else fi }
  if
  :: i == 0 ->
#ifdef NEW_SESSION
     hand_out_session(i, r)
#else
     hand_out_link(i, r)
#endif
  :: else
  fi;
  atomic { st[i] = 3; if :: ver[i] == 1 -> atOld-- :: else fi }               /* the body is through */
  atomic { if :: alive[r] -> lease[0] = lease[0] & (255 - BIT(i)); lease[1] = lease[1] & (255 - BIT(i)) :: else fi }
off: skip
}

proctype Replica(byte r) {
  byte j; bool busy;
end: do
  :: atomic { alive[r] && sgen[r] == gen && ph[r] != phase -> ph[r] = phase;
       if :: ph[r] == PREPARE -> knows[r] = 0 :: else fi }                    /* what was assumed is forgotten */
  :: atomic { alive[r] && queued[r] && sgen[r] == gen -> queued[r] = 0; write_link() }
  :: atomic { alive[r] && ph[r] == FLUSH && ack[r] < FLUSH && rgen[r] == gen && !queued[r] -> ack[r] = FLUSH }
  :: atomic { alive[r] && ph[r] == PREPARE && ack[r] < PREPARE && rgen[r] == gen && !queued[r] ->
       j = 0;
       do
       :: j < NR -> if :: IN_FLIGHT(j, r) -> lease_names(j) :: else fi; j++
       :: j >= NR -> j = 0; break
       od;
       ack[r] = PREPARE }
#ifdef EMPTY
  :: atomic { alive[r] && sgen[r] != gen ->
       sgen[r] = gen;
       if :: ph[r] != phase -> ph[r] = phase; if :: phase == PREPARE -> knows[r] = 0 :: else fi :: else fi;
#ifndef NAMES_NOT_PUT_BACK
       if :: knows[r] -> queued[r] = 1 :: else fi
#endif
     }
  :: atomic { alive[r] && sgen[r] == gen && rgen[r] != gen && (ph[r] == STEADY || !queued[r]) ->
       j = 0; busy = 0;
       do
       :: j < NR ->
            if
#ifdef LEASE_AGAIN
            :: IN_FLIGHT(j, r) && ph[r] >= PREPARE -> lease_names(j)
#else
            :: IN_FLIGHT(j, r) && ph[r] >= PREPARE -> busy = 1
#endif
            :: else
            fi; j++
       :: j >= NR -> j = 0; break
       od;
       if :: busy -> busy = 0 :: else -> rgen[r] = gen fi }
#endif
  od }

active proctype Control() {
end: do
  :: atomic { phase == STEADY && GEN_ACKED -> phase = FIRST; if :: phase == PREPARE -> pgen = gen :: else fi }
  :: atomic { phase == FLUSH && ACKED(FLUSH) -> phase = PREPARE; pgen = gen }
  :: atomic { phase == PREPARE && ACKED(PREPARE) -> phase = ACTIVE }
  od }

#ifdef EMPTY
/* The store restarts empty or is flushed; the routing state, which core.pml is about, is put back at once. */
active proctype Empty() {
  atomic { gen++; link = 0; pin[0] = 0; pin[1] = 0; recgen[0] = 0; recgen[1] = 0; lease[0] = 0; lease[1] = 0 } }
#endif

#ifdef CRASH
active proctype Crash() {
  atomic { alive[0] = 0; queued[0] = 0; knows[0] = 0 }
  atomic { !((st[0] == 2 && rep[0] == 0) || (st[1] == 2 && rep[1] == 0) || (st[2] == 2 && rep[2] == 0)) -> reg[0] = 0 } }
#endif

init { atomic { run Req(0); run Req(1); run Req(2); run Replica(0); run Replica(1) } }
