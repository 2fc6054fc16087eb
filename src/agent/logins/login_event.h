#pragma once

#include "agent/logins/accounts.h"
#include "agent/logins/attempts.h"
#include "schema/message.h"

namespace agent::logins {

// The event of a verdict. Its id follows from the record that it was made of where that can be read
// again, so that after a crash the hub knows it again. Threads: as Accounts.
schema::Event make_event(const Verdict& verdict, Accounts& accounts);

}  // namespace agent::logins
