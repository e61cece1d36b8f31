def feasible_pair(*a): raise NotImplementedError
def infeasible_pair(*a): raise NotImplementedError
