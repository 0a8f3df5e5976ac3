/* One session, two replicas, three requests, two instances that are upgraded in place from version 1 to 2 while nobody
   tells the gateway. Pins and leases are what core.pml shows them to be: one register, changed in one step. Here a
   request goes where its connection leads, not where it is meant to go. With -DLINGER a process that was replaced goes on
   answering on the connections that it has. */
#define NR 3
#define BIT(i) (1<<(i))

byte now[2] = 1;                /* the version that listens at the address of an instance */
byte belief[4] = 1;             /* [replica * 2 + instance] */
byte open[8];                   /* [(replica * 2 + instance) * 2 + version - 1]: 0 none, else version + 1 of the process */

byte pin = 1, lease;
byte maxSent, atOld;
byte done;

#ifdef SHARED_POOL
#define POOL(r, i, v) (((r) * 2 + (i)) * 2)
#else
#define POOL(r, i, v) (((r) * 2 + (i)) * 2 + (v) - 1)
#endif

/* A connection that was opened for version v; what the process answers is what the table holds from then on. */
inline connect(r, i, v) {
  atomic {
    if
    :: open[POOL(r, i, v)] != 0 -> skip
    :: open[POOL(r, i, v)] == 0 ->
#ifdef NO_PROOF
       open[POOL(r, i, v)] = now[i] + 1
#else
       belief[r * 2 + i] = now[i];
       if :: now[i] == v -> open[POOL(r, i, v)] = now[i] + 1 :: else fi
#endif
    fi } }

proctype Req(byte n; byte r) {
  byte v, i, at;
  bool sent;
  do
  :: sent -> break
  :: !sent ->
     atomic {                   /* the claim */
       if
       :: pin == 2 -> v = 2
       :: pin == 1 && (lease & ~BIT(n)) == 0 -> pin = 2; lease = 0; v = 2
       :: pin == 1 -> lease = lease | BIT(n); v = 1
       fi };
     if                         /* an instance of that version, as this replica sees it */
     :: belief[r * 2] == v -> i = 0
     :: belief[r * 2 + 1] == v -> i = 1
     :: belief[r * 2] != v && belief[r * 2 + 1] != v -> i = 2
     fi;
     if
     :: i == 2 -> break         /* none: refused */
     :: else ->
        connect(r, i, v);
        atomic {
          at = open[POOL(r, i, v)];
          if
          :: at != 0 ->
             at = at - 1; sent = 1;
             assert(at >= maxSent);
             assert(at == 1 || atOld == 0);
             maxSent = at;
             if :: at == 1 -> atOld = atOld | BIT(n) :: else fi
          :: else -> skip       /* not proven: another try */
          fi }
     fi
  od;
#ifdef REACH
  assert(!(sent && at == 2 && now[0] == 2 && now[1] == 1));
#endif
  atomic { atOld = atOld & ~BIT(n) };
  atomic { lease = lease & ~BIT(n); done++ } }

/* A probe now and then, of each replica for itself. */
proctype Probe(byte r) {
  do
  :: done == NR -> break
  :: belief[r * 2] != now[0] -> belief[r * 2] = now[0]
  :: belief[r * 2 + 1] != now[1] -> belief[r * 2 + 1] = now[1]
  od }

/* What a process was at work on is cut with it, and ends for the client as an error; without -DLINGER so do its
   connections. */
proctype Upgrade(byte i) {
  byte k;
  atomic {
    now[i] = 2;
#ifndef LINGER
    if :: atOld == 0 -> skip fi;
    k = 0;
    do
    :: k < 8 -> if :: (k / 2) % 2 == i -> open[k] = 0 :: else fi; k++
    :: else -> break
    od
#endif
  } }

init {
  atomic {
    run Req(0, 0); run Req(1, 1); run Req(2, 0);
    run Probe(0); run Probe(1);
    run Upgrade(0); run Upgrade(1) } }
