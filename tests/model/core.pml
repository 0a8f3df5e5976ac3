/* The heart of the protocol: one session, two replicas, NR parallel requests, version 1 (old) and version 2 (new).
   The session has one name here; names.pml is about the others. README.md says what each switch stands for.
   A lease has no expiry, a paused replica is one that takes no step, and the store is one atomic step a script. */
#ifndef NR
#define NR 3
#endif
#ifndef MAXFAIL
#define MAXFAIL 1
#endif
#define BIT(i) (1<<(i))
#define STEADY 0        /* on version 1; Flush is the same here, it is about names */
#define PREPARE 1
#define ACTIVE 2
#define CLOSING 3
#define RETIRED 4       /* steady on version 2 */

/* The store. A copy with r in front of it is what its own replica has received. */
byte phase, rphase;             /* routing state */
bool round;                     /* grows with a cancelled PREPARE: acknowledgements are of a revision and not of a phase */
byte gen;                       /* store generation: grows with every fail-over and every merge of two histories */
byte pgen;                      /* the generation in which PREPARE was entered */
byte pin, rpin;                 /* the session's record; 0: there is none */
byte recgen, rrecgen;           /* the generation stamped on it */
byte lease, rlease;             /* one bit a request */
bool reg[2] = 1;                /* registered */

/* The replicas. */
bool alive[2] = 1;
bool ready[2] = 1;
byte ph[2];                     /* the phase it applies */
byte ack[2];                    /* the phase it has acknowledged, in its round */
bool seen[2];                   /* its round */
byte sgen[2];                   /* the generation of the state it applies */
byte rgen[2];                   /* the generation it has acknowledged */
bool fin[2];                    /* it remembers the session as final at 2 */
bool queued[2];                 /* a stamp of the steady state is in its outbox */
#ifdef SHARE
byte kept[2];                   /* the request whose lease is kept for the next ones of the session, and one; 0: none is */
#endif
#ifdef GROUP
byte group, rgroup;             /* in the store: the replicas that hold a lease of the session's group, one bit each */
byte ggen, rggen;               /* the generation stamped on it */
byte held[2];                   /* what a replica makes of its own: 0 none, 1 held, 2 let go */
bool stays[2];                  /* it has heard, under the lease that it holds, that the session is at 1 */
#endif

/* The requests. */
byte st[NR];                    /* 0 not decided, 1 decided, 2 at the instance, 3 ended there */
byte ver[NR], rep[NR];
bool cut[NR];                   /* the client or the replica is gone */
bool done[NR];                  /* out of its replica's table of what is in flight, leases given back */
byte by[NR];                    /* the request whose lease it is under; its own, but where a lease is shared; NR: its group's */

/* What is judged. */
byte maxSent, atOld;

#define GEN_ACKED ((!reg[0] || rgen[0] == gen) && (!reg[1] || rgen[1] == gen))
#ifdef OWN_ACK_ONLY             /* a replica trusts the new generation when it has acknowledged it alone */
#define GEN_OK(r) (rgen[r] == gen)
#else
#define GEN_OK(r) GEN_ACKED
#endif
#define HAS_ACKED(r, p) (!reg[r] || (ack[r] >= p && seen[r] == round && rgen[r] == gen))
#define ACKED(p) (HAS_ACKED(0, p) && HAS_ACKED(1, p))
#ifdef NO_PREPARE_WAIT
#define UNKNOWN_WAITS 0
#else
#define UNKNOWN_WAITS (pgen != gen)
#endif
#ifdef CANCEL_BLINDLY
#define MAY_CANCEL 1
#else
#define MAY_CANCEL (pgen == gen)
#endif
/* A command of an operator. */
#define COMMAND(p) (phase == p && GEN_ACKED)
#ifdef CUT_OFF_IS_OVER          /* a cut-off request leaves the table at once */
#define IN_FLIGHT(j, r) (rep[j] == r && ver[j] == 1 && !cut[j] && (st[j] == 1 || st[j] == 2))
#else
#define IN_FLIGHT(j, r) (rep[j] == r && ver[j] == 1 && (st[j] == 1 || st[j] == 2 || (st[j] == 3 && cut[j] && !done[j])))
#endif

#ifdef LATE_STAMP
#define FLUSHED(r) 1
#define STAMPS(r) 1
#else
#define FLUSHED(r) (!queued[r])
#define STAMPS(r) (ph[r] == STEADY)
#endif

#if NR > 2
#define UNDER(b) ((by[0] == b && BUSY(0)) || (by[1] == b && BUSY(1)) || (by[2] == b && BUSY(2)))
#else
#define UNDER(b) ((by[0] == b && BUSY(0)) || (by[1] == b && BUSY(1)))
#endif
#define BUSY(j) (st[j] != 0 && !done[j])
#ifdef SHARE
#define KEPT(b) (kept[0] == b + 1 || kept[1] == b + 1)
#else
#define KEPT(b) 0
#endif
#ifdef SHARE_RELEASED           /* who took the lease gives it back, whoever else is under it */
#define IN_USE(b) 0
#else
#define IN_USE(b) (UNDER(b) || KEPT(b))
#endif

#ifdef GROUP
#if NR > 2
#define UNDER_GROUP(r) ((rep[0] == r && by[0] == NR && BUSY(0)) || (rep[1] == r && by[1] == NR && BUSY(1)) \
  || (rep[2] == r && by[2] == NR && BUSY(2)))
#else
#define UNDER_GROUP(r) ((rep[0] == r && by[0] == NR && BUSY(0)) || (rep[1] == r && by[1] == NR && BUSY(1)))
#endif
#ifdef GROUP_AT_ONCE            /* given back when it is let go, whoever is under it */
#define GROUP_IN_USE(r) 0
#else
#define GROUP_IN_USE(r) UNDER_GROUP(r)
#endif
#ifdef GROUP_UNSEEN             /* who raises does not look for it */
#define GROUP_FREE 1
#else
#define GROUP_FREE (group == 0 || ggen != gen)
#endif
#define MAY_STAY(r) ((ph[r] == PREPARE || ph[r] == ACTIVE) && sgen[r] == gen && GEN_OK(r) && pin == 1 && recgen == gen)
#define let_go_group(r) if :: held[r] == 1 -> held[r] = 2 :: else fi; stays[r] = 0
#define void_group(r) held[r] = 0; stays[r] = 0; group = group & (255 - BIT(r))
#else
#define void_group(r) skip
#define GROUP_FREE 1
#define let_go_group(r) skip
#endif

/* The request is over: the last one under a lease gives it back, unless it is kept. */
inline give_back(i) {
  done[i] = 1;
  if :: by[i] < NR && !IN_USE(by[i]) -> lease = lease & (255 - BIT(by[i])) :: else fi }

#ifdef SHARE_PAST_VIEW
#define MAY_SHARE(r) (ph[r] >= PREPARE && ph[r] < RETIRED)
#else
#define MAY_SHARE(r) (ph[r] == PREPARE || ph[r] == ACTIVE)
#endif
#ifdef SHARE
inline let_go(r) {
  if
  :: kept[r] > 0 ->
       if :: !UNDER(kept[r] - 1) -> lease = lease & (255 - BIT(kept[r] - 1)) :: else fi;
       kept[r] = 0
  :: else
  fi }
#else
#define let_go(r) skip
#endif

inline take_lease(i) {
  lease = lease | BIT(i);
  k = 0;
#ifndef ONLY_G1                 /* L1: no lease that nobody will give back */
  do
  :: k < NR -> assert(!(lease & BIT(k)) || (k == i) || UNDER(k) || KEPT(k)); k++
  :: k >= NR -> k = 0; break
  od
#endif
  }

/* The claim script. kind: 0 no answer (refused or asked again later, which another order of steps covers), 1 stays, 2 newest. */
inline claim(i, r) {
  kind = 0;
#ifndef NO_GENERATION
  if
  :: sgen[r] != gen -> skip                                     /* the server notices */
  :: else ->
#endif
    if
    :: pin == 2 && ph[r] >= ACTIVE -> kind = 2; ver[i] = 2;
         if :: recgen != gen -> recgen = gen; lease = 0 :: else fi
#ifndef NO_GENERATION
    :: !(pin == 2 && ph[r] >= ACTIVE) && !GEN_OK(r) -> skip
    :: !(pin == 2 && ph[r] >= ACTIVE) && GEN_OK(r) && (pin == 0 || recgen != gen) ->
#else
    :: pin == 0 ->
#endif
         if                                                     /* proves nothing */
         :: ph[r] == PREPARE && UNKNOWN_WAITS -> skip
         :: ph[r] == PREPARE && !UNKNOWN_WAITS -> pin = (pin < 1 -> 1 : pin); recgen = gen; lease = 0;
              kind = 1; ver[i] = pin; take_lease(i)
         :: ph[r] >= ACTIVE -> kind = 2; ver[i] = 2; pin = 2; recgen = gen; lease = 0
         fi
#ifndef NO_GENERATION
    :: pin == 2 && ph[r] == PREPARE && GEN_OK(r) && recgen == gen -> kind = 1; ver[i] = 2; take_lease(i)
    :: pin == 1 && GEN_OK(r) && recgen == gen ->
#else
    :: pin == 2 && ph[r] == PREPARE -> kind = 1; ver[i] = 2; take_lease(i)
    :: pin == 1 ->
#endif
         if
         :: ph[r] <= ACTIVE -> kind = 1; ver[i] = 1; take_lease(i)          /* weight or hold path */
#ifdef NO_BARRIER
         :: ph[r] >= ACTIVE -> kind = 2; ver[i] = 2; pin = 2; lease = 0
#else
         :: ph[r] >= ACTIVE && lease == 0 && GROUP_FREE -> kind = 2; ver[i] = 2; pin = 2
         :: ph[r] == CLOSING && !(lease == 0 && GROUP_FREE) -> skip         /* waits */
#endif
         fi
    fi
#ifndef NO_GENERATION
  fi
#endif
}

proctype Req(byte i) {
  byte r; byte kind; byte k;
end: atomic { if :: alive[0] && ready[0] -> r = 0 :: alive[1] && ready[1] -> r = 1 fi; rep[i] = r; by[i] = i }
  atomic {                                                      /* decide */
    if
    :: !alive[r] -> goto off
    :: alive[r] && ph[r] == STEADY -> ver[i] = 1; st[i] = 1;    /* no store call */
#ifdef STAMP
         queued[r] = 1
#endif
    :: alive[r] && ph[r] == RETIRED -> ver[i] = 2; st[i] = 1
#ifdef STALE_FINAL
    :: alive[r] && ph[r] == PREPARE -> ver[i] = 1; st[i] = 1    /* final at 1 was remembered */
#endif
    :: alive[r] && (ph[r] == ACTIVE || ph[r] == CLOSING) && fin[r] -> ver[i] = 2; st[i] = 1
    :: alive[r] && ph[r] >= PREPARE && ph[r] < RETIRED && !(ph[r] >= ACTIVE && fin[r]) ->
         claim(i, r);
         if
         :: kind == 0 -> goto off
         :: else -> st[i] = 1; if :: kind == 2 -> fin[r] = 1 :: else fi
         fi;
#ifdef SHARE
         if
         :: kind == 1 && ver[i] == 1 && ph[r] <= ACTIVE && kept[r] == 0 -> kept[r] = i + 1
         :: skip
         fi
    :: alive[r] && MAY_SHARE(r) && kept[r] > 0 ->               /* no store call */
         ver[i] = 1; kind = 1; st[i] = 1; by[i] = kept[r] - 1
#ifdef REACH_SHARE              /* the model is not empty: a lease is shared, and its taker is done before */
         ; assert(!done[by[i]])
#endif
#endif
#ifdef GROUP
    :: alive[r] && MAY_SHARE(r) && held[r] == 1 && stays[r] ->     /* no store call */
         ver[i] = 1; kind = 1; st[i] = 1; by[i] = NR
#ifdef REACH_GROUP              /* the model is not empty: after a fail-over, too */
         ; assert(gen < REACH_GROUP)
#endif
#endif
    fi }
#ifdef CLOCK_CHECKED    /* looks at the clock before it sends; it may pause after that */
  if :: ver[i] == 1 && kind == 1 && !(lease & BIT(i)) -> st[i] = 3; done[i] = 1; goto off :: else fi;
#endif
  atomic {                                                      /* send */
    if :: cut[i] -> st[i] = 3; goto off :: else fi;
    st[i] = 2;
#ifdef REACH_MOVE               /* the model is not empty: a session moves after a fail-over; one stays, with a lease of after it */
    assert(!(ver[i] == 2 && maxSent == 1 && gen >= REACH_MOVE && phase == ACTIVE));
#endif
#ifdef REACH_STAY
    assert(!(ver[i] == 1 && kind == 1 && gen > 0 && phase == ACTIVE));
#endif
    assert(ver[i] >= maxSent);                                  /* G1 */
#ifndef ONLY_G1
    assert(!(ver[i] == 2 && atOld > 0));                        /* G2 */
#endif
    if :: ver[i] == 1 -> atOld++ :: else fi;
    if :: ver[i] > maxSent -> maxSent = ver[i] :: else fi }
#ifdef ABORT
  if
  :: skip
  :: atomic { cut[i] = 1;                                       /* the client is gone; the instance works on */
#ifdef ABORT_RELEASES
       give_back(i); rep[i] = 2
#endif
     }
  fi;
#endif
  atomic { st[i] = 3; if :: ver[i] == 1 -> atOld-- :: else fi }
  atomic { if :: !cut[i] && alive[r] -> give_back(i) :: else fi }
off: skip
}

/* Leases whose request does not give them back: cut-off ones after RequestTimeout, those of a removed registration. */
#if defined(CLOCK) || defined(CLOCK_CHECKED)
#define EXPIRED(j) (st[j] == 1 || (cut[j] && st[j] == 3))
#else
#define EXPIRED(j) (cut[j] && st[j] == 3 && (alive[rep[j]] || !reg[rep[j]]))
#endif
#if defined(CRASH) || defined(ABORT) || defined(CLOCK) || defined(CLOCK_CHECKED)
#define EXPIRE(j) atomic { !done[j] && EXPIRED(j) -> done[j] = (st[j] == 3); \
  if :: by[j] < NR && (st[j] == 1 || !IN_USE(by[j])) -> lease = lease & (255 - BIT(by[j])) :: else fi }
active proctype Expire() {
end: do
  :: EXPIRE(0)
  :: EXPIRE(1)
#if NR > 2
  :: EXPIRE(2)
#endif
  od }
#endif

/* Puts a lease of this generation on the record for every request in flight at version 1. */
inline lease_in_flight(r) {
  j = 0;
  do
  :: j < NR ->
       if
       :: IN_FLIGHT(j, r) ->
#ifdef KEEP_OLD_LEASES
            recgen = gen;
#else
            if :: recgen != gen -> recgen = gen; lease = 0 :: else fi;
#endif
            pin = (pin < 1 -> 1 : pin);
            if
            :: by[j] < NR && by[j] != j && (lease & BIT(by[j])) -> skip     /* it is under one already */
#ifdef GROUP
            :: by[j] == NR && (group & BIT(r)) && ggen == gen -> skip
#endif
            :: else -> by[j] = j; take_lease(j)
            fi
       :: else
       fi; j++
  :: j >= NR -> j = 0; break
  od }

inline adopt(r) {
#ifndef SHARE_PAST_VIEW
  let_go(r);
  let_go_group(r);
#endif
  ph[r] = phase;
  if :: seen[r] != round -> seen[r] = round; ack[r] = STEADY :: else fi }

inline any_in_flight(r) {
  j = 0; busy = 0;
  do
  :: j < NR -> if :: IN_FLIGHT(j, r) -> busy = 1 :: else fi; j++
  :: j >= NR -> j = 0; break
  od }

proctype Replica(byte r) {
  byte j; byte k; bool busy;
end: do
  :: atomic { alive[r] && sgen[r] == gen && (ph[r] != phase || seen[r] != round) -> adopt(r) }
#ifdef SHARE
  :: atomic { alive[r] && kept[r] > 0 -> let_go(r) }            /* its time is over */
#endif
#ifdef GROUP
  :: atomic { alive[r] && held[r] == 0 && (ph[r] == PREPARE || ph[r] == ACTIVE) && sgen[r] == gen && GEN_OK(r) ->
       if :: ggen != gen -> ggen = gen; group = 0 :: else fi;
       group = group | BIT(r); held[r] = 1 }
  /* Hears that the session is at 1, from a claim of another request that is over by now. */
#ifdef GROUP_LATER              /* whether or not the lease was held when that one asked */
  :: atomic { alive[r] && MAY_STAY(r) && !stays[r] -> stays[r] = 1 }
#else
  :: atomic { alive[r] && held[r] == 1 && MAY_STAY(r) && !stays[r] -> stays[r] = 1 }
#endif
  :: atomic { alive[r] && held[r] == 1 -> let_go_group(r) }     /* somebody waits, or it is not used */
  :: atomic { alive[r] && held[r] == 2 && !GROUP_IN_USE(r) -> held[r] = 0; group = group & (255 - BIT(r)) }
  /* Who is under one that is let go gets a lease of its own. */
  :: atomic { alive[r] && held[r] == 2 && UNDER_GROUP(r) && sgen[r] == gen && rgen[r] == gen && ggen == gen ->
       j = 0;
       do
       :: j < NR && !(rep[j] == r && by[j] == NR && BUSY(j)) -> j++
       :: j < NR && rep[j] == r && by[j] == NR && BUSY(j) -> break
       :: j >= NR -> break
       od;
       if
       :: j < NR && recgen == gen -> by[j] = j; take_lease(j)
       :: else
       fi; j = 0; k = 0 }
#endif
#ifdef STAMP
  :: atomic { alive[r] && queued[r] && rgen[r] == gen -> queued[r] = 0;   /* the steady state's refresh: proven at 1 */
       if
       :: pin > 0 && STAMPS(r) ->
            if :: recgen != gen -> lease = 0 :: else fi; recgen = gen
       :: else
       fi }
#endif
  :: atomic { alive[r] && ph[r] == PREPARE && ack[r] < PREPARE && rgen[r] == gen && FLUSHED(r) ->
#ifndef NO_LEASE_IN_FLIGHT
       lease_in_flight(r);
#endif
       ack[r] = PREPARE }
  :: atomic { alive[r] && ph[r] == CLOSING && ack[r] < CLOSING && rgen[r] == gen ->
       any_in_flight(r);
       if :: !busy -> ack[r] = CLOSING :: else fi; busy = 0 }
#ifdef FAIL
  :: atomic { alive[r] && sgen[r] != gen ->                     /* looks at a state of another generation */
#ifdef STATE
       if
       :: ph[r] > phase ->                                      /* puts back what it remembers */
#ifdef NO_PUT_BACK
            adopt(r)
#else
            phase = ph[r]; gen++
#endif
       :: else
       fi;
#endif
       if :: ph[r] < phase -> adopt(r) :: else fi;
#ifndef SHARE_PAST_GENERATION
       let_go(r);
       let_go_group(r);
#endif
       sgen[r] = gen }
  :: atomic { alive[r] && sgen[r] == gen && rgen[r] != gen ->   /* acknowledges it */
#ifdef LEASE_AGAIN
       if :: ph[r] >= PREPARE -> lease_in_flight(r) :: else fi;
#elif !defined(NO_GENERATION_WAIT)
       any_in_flight(r);
       if :: busy && ph[r] >= PREPARE -> busy = 0; goto end :: else -> busy = 0 fi;
#endif
       rgen[r] = gen }
#endif
#ifdef JOIN
  :: atomic { r == 1 && !reg[1] -> reg[1] = 1; alive[1] = 1; adopt(1); ack[1] = phase; sgen[1] = gen; rgen[1] = gen }
#ifdef JOIN_AT_ONCE
  :: atomic { alive[r] && !ready[r] -> ready[r] = 1 }
#else
  :: atomic { alive[r] && !ready[r] && (!alive[0] || rgen[0] == gen) && sgen[r] == gen -> adopt(r); ready[r] = 1 }
#endif
#endif
  od }

active proctype Control() {
#ifdef REGISTRY_LOST
  reg[1] = 0;                   /* the store was emptied and nobody puts replica 1 back */
#endif
end: do
#ifdef ONE_STEP
  :: atomic { COMMAND(STEADY) -> phase = ACTIVE }
#else
  :: atomic { COMMAND(STEADY) -> phase = PREPARE; pgen = gen }
#endif
  :: atomic { phase == PREPARE && ACKED(PREPARE) -> phase = ACTIVE }
#if defined(CANCEL) || defined(CANCEL_BLINDLY)
  :: atomic { COMMAND(PREPARE) && round == 0 && MAY_CANCEL -> phase = STEADY; round = 1 }
#endif
#ifdef RETIRE_AT_ONCE
  :: atomic { COMMAND(ACTIVE) -> phase = RETIRED }
#endif
#ifdef RETIRE
  :: atomic { COMMAND(ACTIVE) -> phase = CLOSING }
  :: atomic { phase == CLOSING && ACKED(CLOSING) -> phase = RETIRED }
#endif
  od }

#ifdef FAIL
#ifdef GROUP
#define GROUP_DIFFERS (rgroup != group || rggen != ggen)
#define copy_group() rgroup = group; rggen = ggen
#define lose_group() group = rgroup; ggen = rggen
#else
#define GROUP_DIFFERS 0
#define copy_group() skip
#define lose_group() skip
#endif
active proctype Store() {
  byte n;
end: do
  :: atomic { rpin != pin || rlease != lease || rrecgen != recgen || rphase != phase || GROUP_DIFFERS ->
       rpin = pin; rlease = lease; rrecgen = recgen; rphase = phase; copy_group() }
  :: atomic { n < MAXFAIL -> n++; gen++; pin = rpin; lease = rlease; recgen = rrecgen; lose_group();  /* a fail-over that loses writes */
#ifdef STATE
       phase = rphase
#endif
     }
#ifdef EMPTY
  :: atomic { n < MAXFAIL -> n++; gen++; pin = 0; lease = 0; recgen = 0; rpin = 0; rlease = 0; rrecgen = 0 }
#endif
#ifdef SNAP             /* a snapshot of when the session was at version 1, with or without leases of then */
  :: atomic { n < MAXFAIL && pin >= 1 -> n++; gen++; pin = 1; recgen = 0; rpin = 1; rrecgen = 0;
       if :: lease = 0 :: lease = BIT(NR) - 1 fi; rlease = lease }
#endif
  od }
#endif

#ifdef FORGET_AT_ONCE
#define FORGET_OK(r) 1
#elif NR > 2
#define FORGET_OK(r) !((st[0] == 2 && rep[0] == r) || (st[1] == 2 && rep[1] == r) || (st[2] == 2 && rep[2] == r))
#else
#define FORGET_OK(r) !((st[0] == 2 && rep[0] == r) || (st[1] == 2 && rep[1] == r))
#endif
#ifdef CRASH
active proctype Crash() {
  byte j;
  if
  :: skip
  :: atomic { alive[0] = 0; fin[0] = 0; queued[0] = 0; j = 0;
       do
       :: j < NR -> if :: rep[j] == 0 && (st[j] == 1 || st[j] == 2) -> cut[j] = 1 :: else fi; j++
       :: j >= NR -> j = 0; break
       od }
     atomic { FORGET_OK(0) -> reg[0] = 0; let_go(0); void_group(0) }           /* forgotten, and RequestTimeout is over */
  fi }
#endif

init { atomic {
  byte i = 0;
#ifdef KNOWN
  pin = 1;
#else
  if :: pin = 1 :: pin = 0 fi;
#endif
  rpin = pin;
#ifdef JOIN
  reg[1] = 0; alive[1] = 0; ready[1] = 0;
#endif
  do :: i < NR -> run Req(i); i++ :: i >= NR -> break od;
  run Replica(0); run Replica(1) } }
