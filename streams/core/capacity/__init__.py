"""How full the resources of an entity are and will be: demand, states, bottlenecks, advice."""
