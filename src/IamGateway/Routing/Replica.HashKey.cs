namespace IamGateway.Routing;

/// <summary>
/// All replicas name sessions with one key. A state of another key is never applied here: who finds one at the start
/// does not register, who finds one later serves nothing more. Beyond that, a key comes with a store generation of its
/// own, and in another generation no claim to an old version counts.
/// </summary>
internal sealed partial class Replica
{
    private string? HashKey => settings.Options.Store.HashKey;

    /// <summary>
    /// The stored state with this replica's key; null: it must go on with its own. An exchange takes a registry without
    /// others, for they would go on with their names, and the steady state, where a session that nobody knows goes to
    /// the same version as before. To change the key or to take it out must be said, for it may as well be a secret
    /// that did not reach this process.
    /// </summary>
    private RoutingState? TryExchangeHashKey(StoredRouting stored, string adminAddress)
    {
        var state = stored.State!;
        var isEmbedded = store is MemoryRoutingStore;
        // Who has the admin address, or the embedded store, now proves dead who had it before.
        string[] others =
        [
            .. state.Replicas.Where(r => !isEmbedded && !r.Forgotten && r.AdminAddress != adminAddress)
                .Select(r => r.Name),
        ];
        var isFirst = state.HashKey.Check is null;
        var same = isFirst ? "take it out here" : "set the one that was used so far";
        var whatToDo = (others, state.Phase) switch
        {
            ({ Length: > 0 }, _) => $"{same}, or stop {string.Join(" and ", others)} first (forget what is dead)",
            (_, not RoutingPhase.Steady) =>
                $"{same} until a single version is active, because under another key no session is known",
            _ => isFirst || settings.Options.Store.ReplaceHashKey
                ? null
                : $"{same}, or set IamGateway:Store:ReplaceHashKey to give every session another name",
        };
        if (whatToDo is null)
            return state.WithHashKey(StoredHashKey.Create(HashKey), stored.RunIds, time.GetUtcNow());
        // With the embedded store nobody else can change that, so there is nothing to wait for.
        if (isEmbedded)
            throw new HashKeyDiffersException(Disagreement(state, whatToDo));
        Disagree(state, whatToDo);
        return null;
    }

    /// <summary>Applies the state, unless its sessions have other names than here.</summary>
    private bool TryAdopt(RoutingState state)
    {
        if (state.HashKey.IsOf(HashKey))
        {
            Adopt(state);
            _disagreement = null;
            return true;
        }

        var same = state.HashKey.Check is null ? "take it out here" : "set the one that the others have";
        Disagree(state, $"{same}, and start this replica again");
        if (IsGoneIn(state))
            BeForgotten();
        return false;
    }

    private void Disagree(RoutingState state, string whatToDo)
    {
        var disagreement = Disagreement(state, whatToDo);
        if (_disagreement != disagreement)
            Log.HashKeyDiffers(logger, disagreement);
        _disagreement = disagreement;
    }

    private string Disagreement(RoutingState state, string whatToDo)
    {
        var fact = (state.HashKey.Check, HashKey) switch
        {
            (null, _) => "sessions in the store are named without it",
            (_, null) => "sessions in the store are named with one, and here is none",
            _ => "sessions in the store are named with another one",
        };
        return $"{fact}; {whatToDo}.";
    }
}
