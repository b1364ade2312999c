/*
 * locks.c: how vacuum waits for inserts.
 *
 * An insert first looks for its neighbours and links to them later; no page lock lasts from the one to the other.  So
 * each insert holds a lock of the lock manager, in share mode, on block 0 of the index, and vacuum, having marked nodes
 * as removed, takes it exclusively for a moment: from then on no insert is running that saw one of them alive.
 *
 * Locks: the only heavyweight lock besides the relation's own and the extension lock, which may be taken under it.
 * Nobody takes it while holding a page's lock.  Scans have nothing to do with it.
 */
#include "postgres.h"

#include "page/page.h"
#include "storage/lmgr.h"

void
index_insert_lock(Relation index)
{
	LockPage(index, HNSWC_META_BLOCK, ShareLock);
}

/* After an error the end of the transaction unlocks. */
void
index_insert_unlock(Relation index)
{
	UnlockPage(index, HNSWC_META_BLOCK, ShareLock);
}

void
index_insert_barrier(Relation index)
{
	LockPage(index, HNSWC_META_BLOCK, ExclusiveLock);
	UnlockPage(index, HNSWC_META_BLOCK, ExclusiveLock);
}
