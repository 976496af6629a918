int capus_nothing(void){return 0;}
