/*
 * locks.c: how vacuum waits for inserts, and inserts not for vacuum.
 *
 * An insert first looks for its neighbours and links to them later; no page lock lasts from the one
 * to the other. So each insert holds a lock of the lock manager in share mode, and vacuum, having
 * marked nodes as removed, takes it exclusively for a moment: from then on no insert is running
 * that saw one of them alive.
 *
 * Whoever asks for a share lock stands in the queue behind an exclusive request, so that one insert
 * that does not go on (its process stopped, its disk full) and a vacuum would stop all others. So
 * there are two locks, and inserts only ever try: the first, which fails while vacuum waits for it,
 * then the second. Vacuum waits for the second, then for the first, and never for both.
 *
 *   - While it waits for the second, inserts get the first: nobody new comes to the second, and its
 *     holders end.
 *   - While it waits for the first, inserts get the second: nobody new comes to the first.
 *   - So an insert that held one of them when vacuum began has ended when vacuum goes on. One that
 *     gets the second after vacuum had it, or the first, began after the nodes were marked.
 *   - One vacuum at a time works on an index, for the table's lock sees to that. So an insert finds
 *     both taken only if vacuum has gone from the one to the other between its two tries; then the
 *     first is free.
 *
 * Locks: the only heavyweight locks besides the relation's own. They are on the tags of two pages,
 * whose contents they have nothing to do with. Nobody takes one while holding a page's lock. Scans
 * have nothing to do with them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "store/store.h"

#define FIRST_LOCK ((BlockNumber) 0)
#define SECOND_LOCK ((BlockNumber) 1)

BlockNumber
index_insert_lock(Relation index)
{
	for (;;)
	{
		if (ConditionalLockPage(index, FIRST_LOCK, ShareLock))
			return FIRST_LOCK;
		if (ConditionalLockPage(index, SECOND_LOCK, ShareLock))
			return SECOND_LOCK;
		CHECK_FOR_INTERRUPTS();
	}
}

/* After an error the end of the transaction unlocks. */
void
index_insert_unlock(Relation index, BlockNumber lock)
{
	Assert(lock == FIRST_LOCK || lock == SECOND_LOCK);
	UnlockPage(index, lock, ShareLock);
}

void
index_insert_barrier(Relation index)
{
	/* in this order: see above.  Vacuum inserts nothing: it waits for others alone */
	Assert(IsTransactionState());
	LockPage(index, SECOND_LOCK, ExclusiveLock);
	UnlockPage(index, SECOND_LOCK, ExclusiveLock);
	LockPage(index, FIRST_LOCK, ExclusiveLock);
	UnlockPage(index, FIRST_LOCK, ExclusiveLock);
}
