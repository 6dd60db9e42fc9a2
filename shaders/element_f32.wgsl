// A kernel of one f32 a lane.
alias Element = f32;
