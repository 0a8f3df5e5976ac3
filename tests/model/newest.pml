/* The newest version is taken back while 1 and 2 are active: nobody raises to 2 any more, acknowledged, then 1 is the newest
   and sessions at 2 are ended, which is no downgrade: their user begins another one. One session, two replicas, three
   clients of two requests each. The record may be lost with a change of generation, which every replica has acknowledged. */
#define BIT(i) (1<<(i))
#define ACTIVE 0
#define REVOKING 1
#define REVOKED 2       /* version 1 is left; still strict, because sessions without record may be of version 2 */
#define STEADY 3        /* settled: no session can be left at 2; nobody asks the store */

byte phase, ph[2], ack[2];
byte pin = 1, lease;
bool lost;
bool ended;             /* the session has been ended */
byte maxSent = 1, atOld;

proctype Req(byte i) {
  byte r, v, n;
  do
  :: n < 2 -> n++;
     if :: r = 0 :: r = 1 fi;
     atomic {
       v = 0;
       if
       :: ph[r] == STEADY -> v = 1
       :: ph[r] == ACTIVE && pin == 2 -> v = 2
       :: ph[r] == REVOKING && pin == 2 -> v = 2
       :: ph[r] == REVOKED && pin == 2 -> ended = 1
       :: ph[r] != STEADY && pin == 1 -> lease = lease | BIT(i); v = 1
       :: ph[r] == ACTIVE && pin == 1 && lease == 0 -> pin = 2; v = 2
       :: ph[r] == ACTIVE && pin == 0 -> pin = 2; v = 2
#ifdef UNKNOWN_DOES_NOT_WAIT
       :: ph[r] == REVOKING && pin == 0 -> pin = 1; lease = BIT(i); v = 1
#else
       :: ph[r] == REVOKING && pin == 0 -> skip                 /* waits for REVOKED */
#endif
#ifdef UNKNOWN_GOES_ON
       :: ph[r] == REVOKED && pin == 0 -> pin = 1; lease = BIT(i); v = 1
#else
       :: ph[r] == REVOKED && pin == 0 -> ended = 1
#endif
       fi;
       if :: v == 0 || ended -> goto off :: else fi }
     atomic {
       assert(v >= maxSent);                                    /* G1 */
       assert(!(v == 2 && atOld > 0));                          /* G2 */
       if :: v == 1 -> atOld++ :: else fi;
       maxSent = v }
     atomic { if :: v == 1 -> atOld-- :: else fi; lease = lease & (255 - BIT(i)) }
  :: n >= 1 -> break
  od;
off: skip
}

proctype Replica(byte r) {
end: do
  :: atomic { ph[r] < phase -> ph[r] = phase; ack[r] = phase }
  od }

active proctype Control() {
#ifndef ONE_STEP
  atomic { phase = REVOKING };
end0: atomic { ack[0] >= REVOKING && ack[1] >= REVOKING -> phase = REVOKED };
#else
  atomic { phase = REVOKED };
#endif
#ifdef SETTLE_AT_ONCE
  phase = STEADY
#else
end: atomic { ended || (pin == 1 && !lost) -> phase = STEADY }
#endif
}

#ifdef LOSE
/* Leases are out of it: what was at work has ended before the generation counts. */
active proctype Lose() {
  if :: skip :: atomic { atOld == 0 && lease == 0 -> pin = 0; lost = 1 } fi }
#endif

init { atomic { run Req(0); run Req(1); run Req(2); run Replica(0); run Replica(1) } }
